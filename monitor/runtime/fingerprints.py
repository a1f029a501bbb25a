"""Training fingerprints on the disk: the files that the settings name, loaded, and new ones, written."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from detectors.sketch.fingerprints import Fingerprints, FingerprintsRefused, digest_of, unpacked
from monitor.config.engine import EngineSettings
from monitor.config.trouble import Trouble
from monitor.record.keys import Keys
from monitor.runtime.keys import sketches_name

__all__ = ["described", "digest_of", "digests", "load", "load_all", "write"]


def load(path: Path, model: str, keys: Keys) -> Fingerprints:
    """The fingerprints in a file; Trouble where it cannot be read, is torn, or was made for another key or model."""
    try:
        content = path.read_bytes()
    except OSError as problem:
        raise Trouble(
            what=f"the training fingerprints cannot be read: {problem.strerror}",
            where=str(path),
            mend="make them with `probewatch fingerprint`, or let the user of this process read them",
        ) from None
    try:
        return unpacked(content, keys.sketches, sketches_name(keys), model).ready()
    except FingerprintsRefused as refused:
        raise Trouble(
            what=f"the training fingerprints are refused: {refused}",
            where=str(path),
            mend="make them anew with `probewatch fingerprint`, with this key and this model's name",
        ) from None


def load_all(settings: EngineSettings, keys: Keys) -> dict[str, Fingerprints]:
    """By model: the fingerprints that the settings name; an ExceptionGroup with one Trouble for each that fails."""
    found, failed = dict[str, Fingerprints](), list[Trouble]()
    for model, known in settings.known.items():
        if known.fingerprints is not None:
            try:
                found[model] = load(known.fingerprints, model, keys)
            except Trouble as trouble:
                failed.append(trouble)
    if failed:
        raise ExceptionGroup(f"{len(failed)} files of training fingerprints are refused", failed)
    return found


def digests(fingerprints: Mapping[str, Fingerprints]) -> dict[str, str]:
    """What tells the contents of the files apart, by model: a part of the hash of the configuration."""
    return {model: one.digest for model, one in fingerprints.items()}


def write(path: Path, content: bytes) -> None:
    """Write a file whole or not at all; Trouble where that fails."""
    part = path.with_name(path.name + ".part")
    try:
        part.touch(mode=0o600)  # keyed hashes of training records are nobody else's business
        part.write_bytes(content)
        part.replace(path)
    except OSError as problem:
        part.unlink(missing_ok=True)
        raise Trouble(
            what=f"the fingerprints cannot be written: {problem.strerror}",
            where=str(path),
            mend="choose a path in a folder that is there and that you may write",
        ) from None


def described(one: Fingerprints) -> str:
    """A line for people."""
    size = one.words.nbytes / 1024
    return f"{one.records:,} training records, {one.hashes:,} hashes, {size:,.0f} KiB, digest {one.digest}"
