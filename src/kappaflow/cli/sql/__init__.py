"""`kappa sql`: an interactive client, and the test runner."""
