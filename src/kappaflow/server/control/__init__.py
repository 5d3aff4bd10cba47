"""The control process: HTTP, the planner, the command topic.

    request -> routes/<endpoint> -> statements/<family> -> engine (plan) -> command topic -> replay -> answer
    SELECT  -> routes/query*     -> engine (plan)               -> worker (rpc)  -> rows, passed on as bytes

No loop over records runs here, and no user code.
"""
