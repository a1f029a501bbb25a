"""What is still found where records tell less: scenes stripped of inputs, scores or answers, played as they are left.

Views: `whole`; `labels` (no scores); `no output`; `hash` (a digest instead of the input); `hash, no output`;
`ciphertext` (a model under homomorphic encryption: fresh random bytes for every query, and no readable answer).
Sketches that are made at the edge tell what whole inputs tell, by the same code, and have no row of their own.
"""

from __future__ import annotations

import argparse
import hashlib
import shutil
import sys
from base64 import b64encode
from collections import defaultdict
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, Final

import numpy as np
import orjson
import zstandard
from hearing import TRIED
from owner import SUFFIX
from playing import Played, play

from monitor.runtime.keys import OPEN_KEYS

Record = dict[str, Any]
BYTES: Final = 2_048  # of a ciphertext


def whole(record: Record, number: int) -> Record:
    """As it is."""
    return record


def labels(record: Record, number: int) -> Record:
    """The answer's label alone."""
    output = record.get("output")
    if output is None or "label" not in output:
        return without_output(record, number)
    return record | {"output": {"label": output["label"]}}


def without_output(record: Record, number: int) -> Record:
    """No answer at all."""
    return {name: value for name, value in record.items() if name != "output"}


def hashed(record: Record, number: int) -> Record:
    """A digest of the input, by which equal inputs are equal, and nothing else of it."""
    if "input" not in record:
        return record
    digest = hashlib.blake2b(orjson.dumps(record["input"], option=orjson.OPT_SORT_KEYS), digest_size=8).hexdigest()
    sketch = {"v": 1, "key": OPEN_KEYS.epoch, "kind": "opaque", "exact": digest, "size": 0, "data": ""}
    return record | {"input": {"sketch": sketch}}


def hashed_without_output(record: Record, number: int) -> Record:
    """A digest of the input, and no answer."""
    return without_output(hashed(record, number), number)


def encrypted(record: Record, number: int) -> Record:
    """Fresh random bytes instead of the input, and no answer."""
    noise = np.random.default_rng([41, number]).integers(0, 256, BYTES, np.uint8).tobytes()
    tensor = {"shape": [BYTES], "datatype": "UINT8", "data": b64encode(noise).decode()}
    return without_output(record, number) | {"input": {"tensor": tensor}}


VIEWS: Final[Mapping[str, Callable[[Record, int], Record]]] = {
    "whole": whole,
    "labels": labels,
    "no output": without_output,
    "hash": hashed,
    "hash, no output": hashed_without_output,
    "ciphertext": encrypted,
}


def stripped(lines: Sequence[bytes], view: str) -> Iterator[bytes]:
    """The records as that view leaves them, one a line."""
    for number, line in enumerate(lines):
        yield orjson.dumps(VIEWS[view](orjson.loads(line), number)) + b"\n"


def seen(log: Path, view: str) -> Played:
    """Play a scene as that view leaves it. OSError where it is missing."""
    lines = zstandard.ZstdDecompressor().stream_reader(log.read_bytes()).read().splitlines()
    with TemporaryDirectory() as folder:
        bare = Path(folder) / log.name
        truth = log.name.removesuffix(SUFFIX) + ".labels.json"
        shutil.copy(log.with_name(truth), bare.with_name(truth))
        with zstandard.open(bare, "wb") as out:
            for line in stripped(lines, view):
                out.write(line)
        return play(bare)


def families(played: Played) -> dict[str, tuple[int, int]]:
    """By family: attackers without a disguise who were found, of how many; and honest clients who were named."""
    counts: defaultdict[str, list[bool]] = defaultdict(list)
    for client in played.clients.values():
        if not client.attack:
            counts["honest, named"].append(client.first is not None)
        elif not client.variant and client.sort == "asked" and client.kind != TRIED:
            counts[client.family or ""].append(client.right is not None)
    return {family: (sum(found), len(found)) for family, found in counts.items()}


def render(scene: str, told: Mapping[str, Mapping[str, tuple[int, int]]]) -> str:
    """As Markdown: a row for each family, a column for each view."""
    names = sorted({family for counts in told.values() for family in counts}, key=lambda name: ("honest" in name, name))
    lines = [f"# Capability, {scene}", "", "Attackers found under their own family, by what the records tell.", ""]
    lines += ["| family | " + " | ".join(told) + " |", "| --- |" + " ---: |" * len(told)]
    for name in names:
        cells = (counts.get(name, (0, 0)) for counts in told.values())
        lines.append(f"| {name} | " + " | ".join(f"{found}/{of}" for found, of in cells) + " |")
    return "\n".join(lines) + "\n"


def main(arguments: Sequence[str] | None = None) -> None:
    """Read the command line, strip, play, print and save."""
    asked = argparse.ArgumentParser(description=__doc__)
    asked.add_argument("scenes", nargs="+", type=Path, metavar="SCENE.ndjson.zst")
    asked.add_argument("--views", nargs="+", choices=list(VIEWS), default=list(VIEWS))
    asked.add_argument("--save", type=Path, metavar="FOLDER", help="keep the tables there, as Markdown")
    wish = asked.parse_args(arguments)
    for log in wish.scenes:
        told = {}
        for view in wish.views:
            print(f"{log.name}: {view}", file=sys.stderr, flush=True)
            told[view] = families(seen(log, view))
        scene = log.name.removesuffix(SUFFIX)
        page = render(scene, told)
        print(page)
        if wish.save is not None:
            wish.save.mkdir(parents=True, exist_ok=True)
            (wish.save / f"capability-{scene}.md").write_text(page, encoding="utf-8")


if __name__ == "__main__":
    main()
