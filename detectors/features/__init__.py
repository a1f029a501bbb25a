"""Numbers computed from a client's window of recent queries. One family per file; columns in, columns out."""
