"""Rules that rewrite a logical plan without changing its output schema, one a file."""
