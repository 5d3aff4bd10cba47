"""`kappa top`: live rates, lag and state of the queries."""
