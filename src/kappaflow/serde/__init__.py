"""The serde layer."""
