"""Renderers: pure functions from a finding to what the far side wants to read."""
