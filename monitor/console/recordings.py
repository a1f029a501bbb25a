"""The recording that ships with the package, and what is known about who was behind it.

Labels are for the account afterwards: nothing that detects may import this module.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType
from typing import Final

import orjson

from monitor.config.trouble import Trouble
from monitor.record.keys import Keys
from monitor.record.pseudonyms import Pseudonyms, text

_FOLDER: Final = Path(__file__).with_name("demo")
_LOG: Final = ".ndjson.zst"
_LABELS: Final = ".labels.json"
_TRAINING: Final = ".training"

#: What the operators of the recorded models know and would set: the sensitive columns by model.
SENSITIVE: Final[Mapping[str, tuple[str, ...]]] = MappingProxyType({"hi": ("race", "hispanic")})


@dataclass(frozen=True, slots=True)
class Recording:
    """Recorded logs, the files that say who was who in them, and the sensitive columns by model."""

    logs: tuple[Path, ...]
    labels: tuple[Path, ...]
    sensitive: Mapping[str, tuple[str, ...]]


@dataclass(frozen=True, slots=True)
class Label:
    """What a client of a recording really was. `family` is the attack's, None for honest clients; `unseen` kinds of
    honest clients were kept from whoever tuned the tests."""

    kind: str
    family: str | None
    attack: bool
    unseen: bool
    variant: str
    queries: int


def recording(folder: Path = _FOLDER) -> Recording:
    """What ships with the package, logs in the order of their names; Trouble where there is none."""
    logs = tuple(sorted(path for path in folder.glob(f"*{_LOG}") if not path.name.endswith(f"{_TRAINING}{_LOG}")))
    if not logs:
        mend = "install the package again, with its data files"
        raise Trouble(what="the recording of the demo is missing", where=str(folder), mend=mend)
    return Recording(logs, tuple(log.with_name(log.name.removesuffix(_LOG) + _LABELS) for log in logs), SENSITIVE)


def labels(of: Recording, keys: Keys) -> dict[str, Label]:
    """Labels by the pseudonym that these keys give each client; the recorded names end here."""
    names = Pseudonyms(keys.pseudonyms, keys.epoch)
    return {
        text(names.client(name)): Label(
            kind=str(fields["kind"]),
            family=fields["family"],
            attack=bool(fields["attack"]),
            unseen=bool(fields["unseen"]),
            variant=str(fields["variant"]),
            queries=int(fields["queries"]),
        )
        for path in of.labels
        for name, fields in orjson.loads(path.read_bytes()).items()
    }
