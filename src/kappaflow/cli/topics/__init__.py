"""`kappa topics`: topics of a cluster."""
