"""The finding: what the engine claims about a client, and what every format is rendered from."""
