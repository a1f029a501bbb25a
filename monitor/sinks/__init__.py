"""Where alerts go: the outbox that keeps them until they have arrived, and the sinks that it feeds."""
