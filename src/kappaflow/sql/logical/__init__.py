"""The logical plan: what a query computes, as a tree of nodes with schemas."""
