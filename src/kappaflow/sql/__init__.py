"""The sql layer."""
