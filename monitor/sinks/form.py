"""How a sink writes a finding: one of the forms, with a link where the operator has given one."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import orjson

from monitor.alerts.finding import Finding
from monitor.config.delivery import filled
from monitor.formats.catalogue import RENDERERS, Renderer
from monitor.formats.texts import cleaned

LINES = frozenset({"cef", "leef", "syslog"})  # forms that are a line of text; all others are trees


@dataclass(frozen=True, slots=True)
class Form:
    """One form. `link` is the template of an address, or None."""

    render: Renderer
    link: str | None = None

    @classmethod
    def named(cls, name: str, link: str | None = None) -> Form:
        """The form of that name."""
        return cls(RENDERERS[name], link)

    def tree(self, finding: Finding) -> Any:
        """The finding in that form: plain values, or a line."""
        return self.render(finding, self.address(finding))

    def line(self, finding: Finding) -> bytes:
        """The finding in that form as bytes without a line break."""
        made = self.tree(finding)
        return made.encode() if isinstance(made, str) else orjson.dumps(made)

    def address(self, finding: Finding) -> str | None:
        """Where the link leads; None where there is none."""
        if self.link is None:
            return None
        clean = cleaned(finding)
        values = {"finding": clean.finding, "id": clean.id, "family": clean.family, "model": clean.model}
        return filled(self.link, values)
