"""The command line."""

from monitor.cli.root import main

__all__ = ["main"]
