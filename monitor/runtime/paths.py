"""Where in the state folder each thing lies."""

from __future__ import annotations

from pathlib import Path

from monitor.config.settings import Settings


def outbox_path(settings: Settings) -> Path:
    """The outbox."""
    return settings.runtime.state / "outbox.db"


def snapshots_path(settings: Settings) -> Path:
    """The folder of snapshots."""
    shared = settings.runtime.snapshots
    return settings.runtime.state / "snapshots" if shared is None else shared


def audit_path(settings: Settings) -> Path:
    """The audit log."""
    return settings.runtime.state / "audit.log"
