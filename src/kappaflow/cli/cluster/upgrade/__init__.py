"""`kappa cluster upgrade`: other versions of Kafka and ZooKeeper."""
