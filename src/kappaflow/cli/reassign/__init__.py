"""`kappa reassign`: move partitions between brokers."""
