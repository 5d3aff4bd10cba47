"""`kappa zookeeper`: the ZooKeeper ensemble of a cluster."""
