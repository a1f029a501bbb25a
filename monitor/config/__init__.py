"""Typed settings that explain themselves; everything is handed its own small settings object from here."""
