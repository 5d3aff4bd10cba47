"""`kappa cluster start` and what else is done to real clusters that run on this machine."""
