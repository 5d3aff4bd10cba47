"""`kappa groups`: consumer groups of a cluster."""
