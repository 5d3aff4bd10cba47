"""One module per API, each with ``handle(context, request)``; ``kappaflow.broker.api_table`` lists them.

A handler runs on the event loop and never blocks: it answers at once, or gives an awaitable. It reads and checks,
asks the part of the broker that owns the matter, and shapes the answer; it keeps nothing itself.
"""
