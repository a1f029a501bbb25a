"""Which files a list of paths stands for, and which partition each of them is."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Final

from monitor.config.sources import STANDARD_INPUT
from monitor.config.trouble import Trouble
from monitor.record.raw import Partition

LOGS: Final = frozenset({".ndjson", ".jsonl"})
COMPRESSED: Final = frozenset({".gz", ".zst"})
STANDARD_INPUT_PARTITION: Final = Partition("stdin", 0)
NUMBERED: Final = re.compile(r"(?P<topic>.+)-(?P<number>[0-9]{1,9})", re.DOTALL)


def partitions(paths: Iterable[Path]) -> Mapping[Partition, Path]:
    """The files behind the paths in the order of reading: the paths as given, folders sorted by name, at any depth.

    Trouble where a path does not exist, a folder holds no log, or two files would be the same partition."""
    found: dict[Partition, Path] = {}
    for path in paths:
        for root, file in _files(path):
            partition = partition_of(file, root)
            if partition in found:
                raise Trouble(
                    what=f"two files would both be {partition}",
                    where=f"{found[partition]} and {file}",
                    mend="rename one of them, or read their common folder instead",
                )
            found[partition] = file
    return found


def partition_of(file: Path, root: Path) -> Partition:
    """The partition that a file below the folder `root` is: its name without suffixes, a number at the end being the
    partition's.

    >>> partition_of(Path("day/queries-3.ndjson.zst"), Path("day"))
    Partition(topic='queries', number=3)
    >>> partition_of(Path("logs/monday/queries.jsonl"), Path("logs"))
    Partition(topic='monday/queries', number=0)
    """
    if file == STANDARD_INPUT:
        return STANDARD_INPUT_PARTITION
    stem = file.name
    for suffixes in (COMPRESSED, LOGS):
        if (suffix := Path(stem).suffix) in suffixes:
            stem = stem.removesuffix(suffix)
    name = (file.relative_to(root).parent / stem).as_posix()
    numbered = NUMBERED.fullmatch(name)
    return Partition(numbered["topic"], int(numbered["number"])) if numbered else Partition(name, 0)


def _files(path: Path) -> Iterator[tuple[Path, Path]]:
    """(folder that names are relative to, file) for each file that the path stands for."""
    if path == STANDARD_INPUT:
        yield path, path
    elif path.is_dir():
        yield from ((path, file) for file in _logs(path))
    elif path.exists():
        yield path.parent, path
    else:
        raise Trouble(what="there is no such file or folder", where=str(path), mend="check the path")


def _logs(folder: Path) -> list[Path]:
    logs = sorted(file for file in folder.rglob("*") if _is_log(file) and file.is_file())
    if not logs:
        raise Trouble(
            what="the folder holds no log",
            where=str(folder),
            mend="logs are files called *.ndjson or *.jsonl, also with .gz or .zst behind that",
        )
    return logs


def _is_log(file: Path) -> bool:
    return file.suffix in LOGS | COMPRESSED and not file.name.startswith(".")
