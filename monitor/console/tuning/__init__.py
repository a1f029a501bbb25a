"""Tuning: recorded traffic under many settings, what each gives to the operator, and what each gives to an attacker."""
