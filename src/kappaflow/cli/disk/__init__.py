"""`kappa disk`: space on the brokers' disks."""
