"""`kappa acls`: who may do what."""
