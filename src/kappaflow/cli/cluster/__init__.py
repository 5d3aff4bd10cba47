"""`kappa cluster`: clusters by name, and clusters on this machine."""
