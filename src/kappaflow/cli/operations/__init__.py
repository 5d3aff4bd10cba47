"""What all commands on clusters share: naming the cluster, printing answers, carrying out plans."""
