"""How far learning has come, read off the snapshots of a daemon, and what that means for people."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Final

from monitor.alerts.words import plain
from monitor.config.settings import Settings
from monitor.runtime.stores import open_store

Tree = Mapping[str, Any]  # a standing as JSON has it

_MEANS: Final = {
    "speaks": "speaks",
    "partly": "speaks, and some of its tests wait",
    "silent": "silent until then",
    "blind": "blind on this kind of input",
}
_SCALES: Final = {
    "shipped": "distances are measured by shipped scales until a few clients have met",
    "learnt": "distances are measured by this model's own scales",
    "none": "distances need no scale",
}


@dataclass(frozen=True, slots=True)
class Told:
    """One model and shape of input of one partition, as its newest snapshot has it, and when that was written."""

    partition: str
    written: str
    standing: Tree


def told(settings: Settings) -> Iterator[Told]:
    """What the newest snapshots say; nothing where there are none. Reads them while a daemon runs, and changes nothing.

    Snapshots of versions that did not write how far learning had come are passed over."""
    for _, seconds, header in open_store(settings, look=True).latest():
        written = datetime.fromtimestamp(int(seconds), UTC).isoformat().replace("+00:00", "Z")
        for standing in header.get("standings", ()):
            yield Told(f"{header['topic']}-{header['partition']}", written, standing)


def line_of(standing: Tree) -> str:
    """One model and shape of input in a line."""
    states = [one["state"] for one in standing["hearings"]]
    waits = len(states) - states.count("speaks") - states.count("blind")
    model = plain(standing["model"])
    known = f"{standing['queries']:,} queries of {standing['clients']:,} clients"
    learns = ", ".join(gap["what"] for gap in standing["gaps"]) or "nothing"
    return (
        f"{model}, {standing['kind']}: {known}; {states.count('speaks')} detectors speak, {waits} wait; learns {learns}"
    )


def lines(standing: Tree) -> list[str]:
    """One model and shape of input for people: what is known, who waits for what, and what that means."""
    shape = f"{standing['kind']} inputs" + (f" of width {standing['width']}" if standing["width"] else "")
    model = plain(standing["model"])
    found = [f"model {model}, {shape}: {standing['queries']:,} queries of {standing['clients']:,} clients"]
    scales = _SCALES[standing["distances"]]
    found.append(f"    {scales}" + ("; it began from recorded traffic" if standing["started"] else ""))
    found += [f"    learning: {_missing(gap)}" for gap in standing["gaps"]]
    for state in _MEANS:
        own = [one for one in standing["hearings"] if one["state"] == state]
        if own:
            found.append(f"    {_MEANS[state]}: " + ", ".join(_named(one) for one in own))
    if standing["untrained"]:
        found.append(f"    silent without training fingerprints: {', '.join(standing['untrained'])}")
    found += [f"    floor raised: {test} has to reach {floor:g}, not 0.5" for test, floor in standing["raised"].items()]
    return found


def _missing(gap: Tree) -> str:
    """What is not known yet; enough of it may have been seen, by trusted clients or not, since the last fit."""
    have = f"{gap['have']:,} of {gap['need']:,} {gap['unit']}"
    return f"{gap['what']}, {have}" + (", to be looked at in the next fit" if gap["have"] >= gap["need"] else "")


def _named(hearing: Tree) -> str:
    """A detector, with the tests that wait and for what."""
    waiting: Sequence[str] = hearing["waiting"]
    if not waiting:
        return str(hearing["detector"])
    return f"{hearing['detector']} ({', '.join(waiting)}: {' and '.join(hearing['gaps'])})"
