"""`kappa quotas`: what users, client ids and addresses may use."""
