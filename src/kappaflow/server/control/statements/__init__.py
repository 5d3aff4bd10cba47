"""One module per family of statements that POST /ksql executes."""
