"""`kappa quorum`: the metadata quorum of a cluster with KRaft."""
