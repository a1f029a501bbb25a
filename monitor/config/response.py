"""What gateways are told to do about clients: off unless asked for."""

from __future__ import annotations

from pathlib import Path
from typing import Literal

from pydantic import BaseModel, ConfigDict, Field

from monitor.config.sources import Address, Encryption, Login, Name

Action = Literal["throttle", "coarser scores", "label only", "challenge", "block"]


class FeedSettings(BaseModel):
    """The compacted topic of responses."""

    model_config = ConfigDict(frozen=True, extra="forbid", use_attribute_docstrings=True)

    brokers: tuple[Address, ...] = Field(min_length=1)
    """Brokers to ask first, `host:port`."""

    topic: Name
    """A topic with `cleanup.policy=compact`, which has to be there."""

    writer: Name | None = None
    """Name of this process in the keys of the topic: unique among all that write to it, and the same after a restart.
    Without it the name of the host."""

    encryption: Encryption | None = None
    """TLS towards the brokers; without it, none."""

    login: Login | None = None
    """SASL login at the brokers; without it, none."""

    connect_seconds: float = Field(default=10.0, ge=1, le=600)
    """Seconds that brokers have to answer; then it is tried again later."""


class ResponseSettings(BaseModel):
    """The response feed: clients with an open named finding, and what a gateway should do about each."""

    model_config = ConfigDict(frozen=True, extra="forbid", use_attribute_docstrings=True)

    page: bool = False
    """Whether the page /responses is served, beside /metrics and behind the same token."""

    kafka: FeedSettings | None = None
    """A compacted topic that has the same; without it, none."""

    severity: Literal["medium", "high", "critical"] = "high"
    """Findings of this severity and above."""

    strongest: Action = "challenge"
    """The strongest answer that is ever told, from `throttle` over `coarser scores`, `label only` and `challenge` to
    `block`. What goes beyond it is left to people."""

    delay_minutes: float = Field(default=15.0, ge=0, le=1_440)
    """An entry appears at a moment within so many minutes after its finding opened, which nobody outside can know: an
    answer that follows its cause at once tells an attacker which query gave it away."""

    minutes: float = Field(default=60.0, ge=1, le=10_080)
    """Minutes after the latest revision of its finding when an entry expires."""

    entries: int = Field(default=2_000, ge=1, le=100_000)
    """Entries at the same time, at most; the most severe stay, and the others are counted."""

    names: Path | None = None
    """A file with names of clients, one a line, as they stand in records. On the page (never in the topic) a client
    that is among them is told by name, too, for gateways that compute no pseudonyms. Every start with it leaves a line
    in the audit log."""

    @property
    def wanted(self) -> bool:
        """Whether anything is to be told at all."""
        return self.page or self.kafka is not None
