"""Settings: what can be set, what it means, and where a value came from."""
