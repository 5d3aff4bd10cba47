"""`kappa doctor`: what this installation has, and what is missing."""
