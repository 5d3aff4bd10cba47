"""`kappa transactions`: transactions of a cluster."""
