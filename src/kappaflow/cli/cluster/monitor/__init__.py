"""`kappa cluster monitor` and `kappa cluster history`: watch a cluster, and look at what was seen."""
