"""Studies: one question each, answered with a printed table."""
