"""`kappa lag`: why groups are behind."""
