"""`kappa users`: users that log on by SCRAM."""
