"""What probewatch knows about attacks on models: sketches, features, scoring, and one file per attack.

Nothing here reads a file, a socket or a clock; everything can be used in a notebook.
"""
