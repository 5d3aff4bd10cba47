"""A worker process: runs the persistent queries, answers pull queries, serves push queries.

    command topic -> engine replica -> Queries (one StreamThread each) over one StateDatabase
    rpc: status, pull, push

User code and loops over records run here and nowhere else.
"""
