"""The command ``kappa``: one module a verb, imported only when it is used.

    arguments -> main -> commands (noun, verb -> module) -> <noun>/<verb>.run -> exit code
                  |                                            |-> sql, server, streams, database
                  |-> messages, <noun>/texts (people's words)  `-> operations/ (target, tables, carrying_out) -> ops

Not here: what a verb does to a cluster or a query; a module reads arguments, calls one function and prints its answer.
"""
