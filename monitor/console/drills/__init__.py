"""Drills: marked, harmless streams with the traces of attacks, made for a model's own traffic."""
