"""What a principal may do: access control lists, the rules that read them, and which API asks for what.

    handler -> context.refusal(resource type, name) -> rules (API -> operation) -> authorizer (cached) -> acl_store

Without an authorizer everything is allowed, and nothing here is asked.

Not here: who the client is (`kappaflow.broker.security`).
"""
