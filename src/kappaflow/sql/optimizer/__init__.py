"""Rules that rewrite a logical plan without changing its output schema, one a file.

    fold_constants -> push_down_predicate -> prune_projection -> drop_identity_projection

`optimize` runs them in this order and checks the columns after each.  Whatever they do, a query gives the same records
in the same order.
"""
