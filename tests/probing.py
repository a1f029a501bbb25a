"""Query logs with probing in them, of any length: the recorded day of the demo, played again with other clients."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime, timedelta
from functools import cache
from io import BytesIO
from pathlib import Path
from typing import Any, Final
from zlib import crc32

import orjson
import zstandard

DAY: Final = Path(__file__).parents[1] / "monitor" / "console" / "demo" / "day.ndjson.zst"
LENGTH: Final = timedelta(days=4)  # more than the recording lasts


@cache
def _day() -> tuple[bytes, ...]:
    with zstandard.ZstdDecompressor().stream_reader(BytesIO(DAY.read_bytes())) as stream:
        return tuple(stream.read().splitlines())


def records(count: int) -> Iterator[tuple[str, bytes]]:
    """So many records, each with its client: the recording, then the same later and by other clients, and so on."""
    for at in range(count):
        play, line = divmod(at, len(_day()))
        tree: dict[str, Any] = orjson.loads(_day()[line])
        client = tree["client"] = dict(tree["client"])
        client["id"] = f"{client['id']}-{play}"
        tree["time"] = (datetime.fromisoformat(tree["time"]) + play * LENGTH).isoformat()
        tree.pop("id", None)
        yield client["id"], orjson.dumps(tree)


def partitioned(count: int, partitions: int) -> list[list[bytes]]:
    """So many records over partitions by client, as a keyed topic has them."""
    parts: list[list[bytes]] = [[] for _ in range(partitions)]
    for client, line in records(count):
        parts[crc32(client.encode()) % partitions].append(line)
    return parts


def write(folder: Path, count: int, partitions: int) -> list[Path]:
    """The same in files, one for each partition."""
    files = [folder / f"part{number}.ndjson" for number in range(partitions)]
    for file, lines in zip(files, partitioned(count, partitions), strict=True):
        file.write_bytes(b"".join(line + b"\n" for line in lines))
    return files
