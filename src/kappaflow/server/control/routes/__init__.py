"""One module per endpoint: it reads a request, has it done, and shapes the answer.

    request -> negotiation (which shape) -> requests (body, session) -> <endpoint> -> streaming | one JSON answer

Not here: what a statement does (kappaflow.server.control.statements).
"""
