"""Commands that run a server: `kappa up` with the embedded broker, `kappa server` on a Kafka cluster."""
