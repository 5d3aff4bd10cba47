"""The abstract syntax of the SQL language."""
