"""`kappa brokers`: the brokers of a cluster, one after the other."""
