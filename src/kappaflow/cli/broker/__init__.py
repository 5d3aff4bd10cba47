"""``kappa broker``: the embedded Kafka broker as a process."""
