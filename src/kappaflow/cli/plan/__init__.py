"""`kappa plan`: plans in files."""
