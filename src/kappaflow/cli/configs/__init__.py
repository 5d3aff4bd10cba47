"""`kappa configs`: configurations of topics, brokers and groups."""
