"""`kappa cluster migrate` and `kappa cluster migration`: from ZooKeeper to KRaft."""
