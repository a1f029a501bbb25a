"""Scenario files: traffic in, expected findings out."""
