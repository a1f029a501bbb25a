"""Cuts the queries of the golden cases out of recorded traffic: python tests/golden/cut.py FOLDER [SCENE ...].

FOLDER holds what `python -m traffic` has written. One base log per scene (ordinary clients, so that the
model is known), and for each case the records of one client, or of all keys that one spray tries. For cases whose
model has fingerprints (they hold an empty file `fingerprinted`), the training records of the scene. The alerts are then
written by `pytest tests/test_golden.py --update`, and the diff of the alerts is the review.

python tests/golden/cut.py FOLDER CASE... writes those cases alone, beside the training records.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator
from datetime import datetime, timedelta
from io import BufferedReader
from pathlib import Path
from shutil import copyfile
from typing import Any

import zstandard

HERE = Path(__file__).parent
ORDINARY = {
    "digits": ("user", "both-versions", "file-order", "many-users"),
    "hi": ("user", "branch", "nightly-batch", "segment"),
    "text": ("user", "tutor", "summariser", "retries"),
}
MODELS = {"text": "assistant"}  # where the model is not named like its scene
CLIENTS, QUERIES = 36, 40

#: case: scene, kind of client, variant, which of them, how many times slower
CASES: dict[str, tuple[str, str, str, int, float]] = {
    "evasion/attack": ("digits", "hop-skip-jump", "", 0, 1),
    "evasion/slow": ("digits", "hop-skip-jump", "slow", 0, 1),
    "evasion/video": ("digits", "video", "", 0, 1),
    "inversion/attack": ("digits", "coordinate-climb", "", 0, 1),
    "inversion/slow": ("digits", "coordinate-climb", "slow", 0, 1),
    "inversion/noisy-camera": ("digits", "noisy-camera", "", 0, 1),
    "membership-inference/attack": ("digits", "augmentation", "", 0, 1),
    "membership-inference/slow": ("digits", "noise-cluster", "slow", 0, 1),
    "membership-inference/score-only": ("hi", "score-only", "", 0, 1),
    "membership-inference/score-only-slow": ("digits", "score-only", "slow", 0, 1),
    "membership-inference/nightly-batch": ("hi", "nightly-batch", "", 9, 1),
    "membership-inference/augmentation-user": ("digits", "augmentation-user", "", 0, 1),
    "extraction/attack": ("hi", "uniform-rows", "", 0, 1),
    "extraction/slow": ("digits", "random-noise", "slow", 0, 1),
    "extraction/strange-user": ("digits", "strange-user", "", 0, 1),
    "attribute-inference/attack": ("hi", "csmia-race", "", 0, 1),
    "attribute-inference/slow": ("hi", "csmia-hispanic", "slow", 0, 1),
    "attribute-inference/among-others": ("hi", "csmia-hispanic", "diluted-80", 0, 1),
    "attribute-inference/audit": ("hi", "fairness-audit", "", 2, 1),
    "attribute-inference/pricing": ("hi", "pricing", "", 0, 1),
    "property-inference/attack": ("digits", "probe-replay", "", 0, 1),
    "property-inference/slow": ("hi", "row-probe-replay", "slow", 0, 1),
    "property-inference/smoke-test": ("digits", "smoke-test", "", 0, 1),
    "cost/attack": ("digits", "volume-burst", "", 0, 1),
    "cost/slow": ("digits", "volume-burst", "", 3, 2),
    "cost/load-test": ("digits", "load-test", "", 0, 1),
    "evasion/jailbreak-attack": ("text", "mutation-wrappers", "", 0, 1),
    "evasion/jailbreak-slow": ("text", "mutation-search", "slow", 0, 1),
    "evasion/request-form": ("text", "request-form", "", 0, 1),
    "evasion/support": ("text", "support", "", 20, 1),
    "llm-leakage/attack": ("text", "reasoning-traces", "", 0, 1),
    "llm-leakage/slow": ("text", "instruction-fishing", "slow", 0, 1),
    "llm-leakage/biases-attack": ("text", "logit-bias", "", 0, 1),
    "llm-leakage/repetition-attack": ("text", "divergence", "", 0, 1),
    "llm-leakage/prefixes-slow": ("text", "prefix-probing", "slow", 0, 1),
    "llm-leakage/tutor-platform": ("text", "tutor-platform", "", 0, 1),
    "llm-leakage/sorter": ("text", "sorter", "", 10, 1),
    "llm-leakage/perplexity": ("text", "perplexity", "", 10, 1),
    "backdoor-probing/attack": ("digits", "trigger-patches", "", 0, 1),
    "backdoor-probing/slow": ("digits", "trigger-patches", "slow", 0, 2),
    "backdoor-probing/occlusion": ("digits", "occlusion", "", 0, 1),
    "access/attack": ("hi", "many-models", "", 1, 1),
    "access/slow": ("hi", "many-models", "", 0, 1.5),
    "access/expired-key": ("digits", "expired-key", "", 0, 1),
}

TRAINED = frozenset({"digits", "hi"})  # scenes with records that the model was trained on
#: Cases in which the model has fingerprints of its training data.
FINGERPRINTED = frozenset(
    {
        "membership-inference/score-only",
        "membership-inference/score-only-slow",
        "membership-inference/nightly-batch",
        "attribute-inference/among-others",
        "attribute-inference/audit",
    }
)
#: case: the scene's attack (kind, variant, which) that is dealt out, to how many accounts, how many times slower
DEALT: dict[str, tuple[str, str, str, int, int, float]] = {
    "campaign/attack": ("digits", "simba-dct", "", 0, 5, 1),
    "campaign/slow": ("digits", "simba-dct", "", 1, 20, 3),
}
#: case: scene, tenants who try the same samples of a kit before their own work, and how many samples
SAMPLES: dict[str, tuple[str, int, int]] = {"campaign/kit-samples": ("digits", 20, 10)}
#: case: the case whose queries are dealt out in sessions, to how many accounts, queries of a session, seconds between
SESSIONS: dict[str, tuple[str, int, int, float]] = {
    "extraction/dealt-slow": ("extraction/slow", 10, 32, 0.8),
    "extraction/dealt-attack": ("extraction/attack", 6, 20, 9.0),
    "campaign/replicas": ("campaign/kit-samples", 10, 40, 0.8),
}
BREAKS = (2.3, 3.1, 1.7, 4.2, 2.9)  # hours between two sessions, again and again


def main(folder: Path, wanted: list[str]) -> None:
    """Write the cases that are wanted; without any named, all bases, training records and cases."""
    for scene in ORDINARY:
        labels = json.loads((folder / f"{scene}-tune.labels.json").read_text())
        base = [name for name, label in labels.items() if label["kind"] in ORDINARY[scene]][:CLIENTS]
        chosen = {case: (client(labels, *given), given[3]) for case, (of, *given) in CASES.items() if of == scene}
        if wanted:
            chosen = {case: one for case, one in chosen.items() if case in wanted}
        kept: dict[str, list[bytes]] = {name: [] for name in (*base, *(name for name, _ in chosen.values()))}
        for line, name in records(folder / f"{scene}-tune.ndjson.zst"):
            if name in kept and (name not in base or len(kept[name]) < QUERIES):
                kept[name].append(line)
        if not wanted:
            write(
                HERE / "base" / f"{MODELS.get(scene, scene)}.ndjson.zst", [line for name in base for line in kept[name]]
            )
        (HERE / "training").mkdir(exist_ok=True)
        if scene in TRAINED:
            copyfile(folder / f"{scene}-tune.training.ndjson.zst", HERE / "training" / f"{scene}.ndjson.zst")
        for case, (name, slower) in chosen.items():
            write(HERE / case / "queries.ndjson.zst", stretched(kept[name], slower))
            if case in FINGERPRINTED:
                (HERE / case / "fingerprinted").touch()
        if not wanted:
            groups(folder, scene, labels)
    if not wanted:
        together()


def together() -> None:
    """Write the cases of accounts that come at the same times: the queries of another case, dealt out in sessions. They
    begin an hour after the ordinary clients: the engine's clock takes many records over a longer silence."""
    for case, (of, accounts, size, gap) in SESSIONS.items():
        lines = kept(HERE / of / "queries.ndjson.zst")[: 9 * size]
        model = json.loads(lines[0])["model"]
        name = (model["name"] if isinstance(model, dict) else model).split("-")[0]
        last = json.loads(kept(HERE / "base" / f"{name}.ndjson.zst")[-1])
        at, dealt = moment(last) + timedelta(hours=1), []
        for n, line in enumerate(lines):
            if n and n % size == 0:
                at += timedelta(hours=BREAKS[n // size % len(BREAKS)])
            at += timedelta(seconds=gap)
            tree = json.loads(renamed(line, f"acme/replica-{n % accounts}"))
            tree["time"] = at.isoformat(timespec="milliseconds").replace("+00:00", "Z")
            dealt.append(json.dumps(tree, separators=(",", ":")).encode())
        write(HERE / case / "queries.ndjson.zst", dealt)


def groups(folder: Path, scene: str, labels: dict[str, Any]) -> None:
    """Write the cases of groups: an attack dealt out to accounts in turn, and tenants who share samples."""
    dealt = {
        case: (client(labels, kind, variant, number, 1), accounts, slower)
        for case, (of, kind, variant, number, accounts, slower) in DEALT.items()
        if of == scene
    }
    users = sorted(name for name, label in labels.items() if label["kind"] == "user" and not label["attack"])[CLIENTS:]
    lines: dict[str, list[bytes]] = {name: [] for name in (*users, *(name for name, *_ in dealt.values()))}
    for line, name in records(folder / f"{scene}-tune.ndjson.zst"):
        if name in lines:
            lines[name].append(line)
    for case, (name, accounts, slower) in dealt.items():
        own = [renamed(line, f"acme/dealt-{n % accounts}") for n, line in enumerate(lines[name])]
        write(HERE / case / "queries.ndjson.zst", stretched(own, slower))
    for case, (of, tenants, samples) in SAMPLES.items():
        if of == scene:
            kit, *others = (lines[name] for name in users if len(lines[name]) >= samples)
            tried = [again(kit[:samples], own[:QUERIES]) for own in others[:tenants]]
            write(HERE / case / "queries.ndjson.zst", [line for own in tried for line in own])


def kept(path: Path) -> list[bytes]:
    """The records of a log that was written before."""
    return zstandard.ZstdDecompressor().stream_reader(path.read_bytes()).read().splitlines()


def renamed(line: bytes, name: str) -> bytes:
    """The same record of another client."""
    tree = json.loads(line)
    tree["client"] = {**tree["client"], "id": name} if isinstance(tree["client"], dict) else name
    return json.dumps(tree, separators=(",", ":")).encode()


def again(kit: list[bytes], own: list[bytes]) -> list[bytes]:
    """A tenant's own records, after the samples of a kit in the seconds before."""
    first = json.loads(own[0])
    tried = []
    for n, line in enumerate(kit):
        at = moment(first) - timedelta(seconds=2 * (len(kit) - n))
        tree = {**json.loads(line), "client": first["client"]}
        tree["time"] = at.isoformat(timespec="milliseconds").replace("+00:00", "Z")
        tried.append(json.dumps(tree, separators=(",", ":")).encode())
    return [*tried, *own]


def client(labels: dict[str, Any], kind: str, variant: str, number: int, _: float) -> str:
    """The name of that client of its kind, of those with the fewest queries first."""
    alike = [name for name, label in labels.items() if (label["kind"], label["variant"]) == (kind, variant)]
    return sorted(alike, key=lambda name: (labels[name]["queries"], name))[number]


def records(path: Path) -> Iterator[tuple[bytes, str]]:
    """Each record with the name of its client."""
    with path.open("rb") as file:
        for line in BufferedReader(zstandard.ZstdDecompressor().stream_reader(file), 1 << 20):
            who = json.loads(line)["client"]
            yield line.rstrip(b"\n"), who["id"] if isinstance(who, dict) else who


def stretched(lines: list[bytes], slower: float) -> list[bytes]:
    """The same records, so many times slower."""
    if slower == 1:
        return lines
    trees = [json.loads(line) for line in lines]
    first = moment(trees[0])
    for tree in trees:
        tree["time"] = (
            (first + slower * (moment(tree) - first)).isoformat(timespec="milliseconds").replace("+00:00", "Z")
        )
    return [json.dumps(tree, separators=(",", ":")).encode() for tree in trees]


def moment(tree: dict[str, Any]) -> datetime:
    """When a record was made."""
    return datetime.fromisoformat(tree["time"])


def write(path: Path, lines: list[bytes]) -> None:
    """A log in the order of its times."""
    path.parent.mkdir(parents=True, exist_ok=True)
    ordered = sorted(lines, key=lambda line: moment(json.loads(line)))
    path.write_bytes(zstandard.ZstdCompressor(level=19).compress(b"\n".join(ordered) + b"\n"))


if __name__ == "__main__":
    main(Path(sys.argv[1]), sys.argv[2:])
