"""Files, folders and standard input: lines, offsets, damage and order."""

from __future__ import annotations

import gzip
import os
import subprocess
import sys
from collections.abc import Iterable
from pathlib import Path

import pytest
import zstandard
from hypothesis import given
from hypothesis import strategies as st

from monitor.config.sources import STANDARD_INPUT, FileSettings
from monitor.config.trouble import Trouble
from monitor.record.raw import Partition, RawBatch
from monitor.sources.files import FileSource
from monitor.sources.inflate import DamageError, pieces
from monitor.sources.lines import Lines
from monitor.sources.protocol import Arrival, Quarantined

LINES = [b'{"n": %d}' % n for n in range(10_000)]
TEXT = b"".join(line + b"\n" for line in LINES)


def read(source: FileSource, starts: dict[Partition, int] | None = None) -> list[Arrival]:
    found: list[Arrival] = []
    for change in source.changes():
        for partition in change.gained:
            source.seek(partition, (starts or {}).get(partition))
    while not source.finished:
        found.extend(source.poll(0.01))
    source.close()
    return found


def payloads(arrivals: Iterable[Arrival]) -> list[bytes]:
    return [payload for arrival in arrivals if isinstance(arrival, RawBatch) for payload in arrival.payloads]


def offsets(arrivals: Iterable[Arrival]) -> list[int]:
    return [int(offset) for arrival in arrivals if isinstance(arrival, RawBatch) for offset in arrival.offsets]


def files(*paths: Path, **settings: int) -> FileSource:
    return FileSource(FileSettings(paths=paths, **settings))


@pytest.mark.parametrize("suffix", ["", ".gz", ".zst"])
def test_a_file_comes_out_line_by_line_in_bounded_batches(tmp_path: Path, suffix: str) -> None:
    path = tmp_path / f"queries-3.ndjson{suffix}"
    path.write_bytes(compressed(TEXT, suffix))
    source = files(path, records=512)
    batches = read(source)
    assert payloads(batches) == LINES
    assert offsets(batches) == list(range(10_000))
    assert {batch.partition for batch in batches} == {Partition("queries", 3)}
    assert all(isinstance(batch, RawBatch) and 0 < len(batch) <= 512 for batch in batches)
    assert batches[-1].next_offset == 10_000
    progress = source.progress()
    assert progress.read == progress.total == path.stat().st_size


def test_nothing_is_read_before_its_start_is_said(tmp_path: Path) -> None:
    (tmp_path / "log.ndjson").write_bytes(TEXT)
    source = files(tmp_path)
    assert list(source.poll(0.0)) == []
    assert not source.finished


@pytest.mark.parametrize("suffix", ["", ".gz", ".zst"])
def test_reading_goes_on_where_a_snapshot_was_taken(tmp_path: Path, suffix: str) -> None:
    path = tmp_path / f"log.ndjson{suffix}"
    path.write_bytes(compressed(TEXT, suffix))
    batches = read(files(path), {Partition("log", 0): 7_777})
    assert payloads(batches) == LINES[7_777:]
    assert offsets(batches)[0] == 7_777


def test_seeking_back_reads_again(tmp_path: Path) -> None:
    (tmp_path / "log.ndjson").write_bytes(TEXT)
    source, log = files(tmp_path, records=100), Partition("log", 0)
    source.seek(log, None)
    first = list(source.poll(0.0))
    source.seek(log, 0)
    assert payloads(source.poll(0.0)) == payloads(first)


def test_files_are_read_one_after_the_other_in_sorted_order(tmp_path: Path) -> None:
    for name in ("b.ndjson", "a-1.jsonl", "sub/a.ndjson", "a-0.jsonl.gz", "ignored.txt", ".hidden.ndjson"):
        path = tmp_path / name
        path.parent.mkdir(exist_ok=True)
        path.write_bytes(compressed(b'"%s"\n' % name.encode(), path.suffix))
    batches = read(files(tmp_path))
    assert [str(batch.partition) for batch in batches] == ["a-0", "a-1", "b-0", "sub/a-0"]


def test_two_files_that_would_be_one_partition_are_refused(tmp_path: Path) -> None:
    for folder in ("monday", "tuesday"):
        (tmp_path / folder).mkdir()
        (tmp_path / folder / "log.ndjson").write_bytes(TEXT)
    with pytest.raises(Trouble, match="two files would both be log-0"):
        files(tmp_path / "monday" / "log.ndjson", tmp_path / "tuesday" / "log.ndjson")
    assert len(files(tmp_path).assigned()) == 2


def test_what_is_not_there_is_said(tmp_path: Path) -> None:
    with pytest.raises(Trouble, match="no such file"):
        files(tmp_path / "absent.ndjson")
    with pytest.raises(Trouble, match="holds no log"):
        files(tmp_path)


def test_a_file_that_goes_away_is_said(tmp_path: Path) -> None:
    path = tmp_path / "log.ndjson"
    path.write_bytes(TEXT)
    source = files(path)
    path.unlink()
    with pytest.raises(Trouble, match="cannot be read: No such file"):
        read(source)


@pytest.mark.parametrize(("suffix", "reason"), [(".gz", "truncated-gzip"), (".zst", "truncated-zstd")])
def test_a_file_cut_short_gives_its_lines_and_then_says_so(tmp_path: Path, suffix: str, reason: str) -> None:
    whole = compressed(TEXT, suffix)
    (tmp_path / f"a.ndjson{suffix}").write_bytes(whole[: len(whole) // 2])
    (tmp_path / "b.ndjson").write_bytes(TEXT)
    arrivals = read(files(tmp_path))
    damage = next(arrival for arrival in arrivals if isinstance(arrival, Quarantined))
    broken = [arrival for arrival in arrivals if arrival.partition.topic == "a"]
    whole_lines = payloads(broken)
    assert broken[-1] == damage
    assert damage == Quarantined(Partition("a", 0), len(whole_lines), len(whole_lines), reason)
    assert whole_lines == LINES[: len(whole_lines)]
    assert payloads(arrivals)[len(whole_lines) :] == LINES


@pytest.mark.parametrize(("suffix", "reason"), [(".gz", "corrupt-gzip"), (".zst", "corrupt-zstd")])
def test_a_file_that_is_not_what_its_suffix_says(tmp_path: Path, suffix: str, reason: str) -> None:
    (tmp_path / f"log.ndjson{suffix}").write_bytes(TEXT)
    assert read(files(tmp_path)) == [Quarantined(Partition("log", 0), 0, 0, reason)]


@pytest.mark.parametrize("suffix", [".gz", ".zst"])
def test_members_one_after_the_other_are_one_file(tmp_path: Path, suffix: str) -> None:
    half = len(TEXT) // 2
    (tmp_path / f"log.ndjson{suffix}").write_bytes(compressed(TEXT[:half], suffix) + compressed(TEXT[half:], suffix))
    assert payloads(read(files(tmp_path))) == LINES


def test_blank_lines_are_counted_and_left_out(tmp_path: Path) -> None:
    (tmp_path / "log.ndjson").write_bytes(b'\xef\xbb\xbf{"a":1}\r\n\n   \n{"b":2}')
    (batch,) = read(files(tmp_path))
    assert isinstance(batch, RawBatch)
    assert list(batch.payloads) == [b'{"a":1}\r', b'{"b":2}']
    assert batch.offsets.tolist() == [0, 3]
    assert batch.next_offset == 4


def test_a_line_over_the_ceiling_is_cut_and_does_not_cost_its_neighbours(tmp_path: Path) -> None:
    (tmp_path / "log.ndjson").write_bytes(b"before\n" + b"x" * 10_000_000 + b"\nafter\n" + b"y" * 3_000_000)
    assert payloads(read(files(tmp_path, line_bytes=2_000))) == [b"before", b"x" * 2_001, b"after", b"y" * 2_001]


def test_a_compressed_line_without_end_takes_little_memory(tmp_path: Path) -> None:
    path = tmp_path / "bomb.ndjson.gz"
    with gzip.open(path, "wb", compresslevel=1) as file:
        for _ in range(200):
            file.write(b"x" * 1_000_000)
    with path.open("rb") as file:
        lines, largest = Lines(1_000), 0
        for piece in pieces(file, path):
            lines.feed(piece)
            largest = max(largest, len(piece))
    assert lines.end() == [(0, b"x" * 1_001)]
    assert largest <= 262_144


def test_paused_files_wait(tmp_path: Path) -> None:
    (tmp_path / "log.ndjson").write_bytes(TEXT)
    source, log = files(tmp_path), Partition("log", 0)
    source.seek(log, None)
    source.pause([log])
    assert list(source.poll(0.0)) == []
    source.resume([log])
    assert len(payloads(source.poll(0.0))) == 2_000


READ_STANDARD_INPUT = """
from pathlib import Path
from monitor.config.sources import FileSettings
from monitor.sources.files import FileSource
source = FileSource(FileSettings(paths=(Path("-"),)))
for change in source.changes():
    for partition in change.gained:
        source.seek(partition, None)
while not source.finished:
    for batch in source.poll(5.0):
        print(batch.partition, len(batch), batch.offsets[-1], batch.next_offset, flush=True)
"""


def test_standard_input_is_read_as_it_comes() -> None:
    environment = os.environ | {"PYTHONPATH": os.pathsep.join(sys.path)}
    command = [sys.executable, "-c", READ_STANDARD_INPUT]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, env=environment) as process:
        assert process.stdin is not None
        assert process.stdout is not None
        process.stdin.write(b"one\ntwo\nthr")
        process.stdin.flush()
        assert process.stdout.readline() == b"stdin-0 2 1 2\n"
        process.stdin.write(b"ee")
        process.stdin.close()
        assert process.stdout.read() == b"stdin-0 1 2 3\n"
    assert process.returncode == 0


def test_standard_input_has_only_one_start() -> None:
    source = files(STANDARD_INPUT)
    with pytest.raises(Trouble, match="standard input cannot go to line 5"):
        source.seek(Partition("stdin", 0), 5)


@given(st.lists(st.binary(max_size=30)), st.integers(1, 40), st.data())
def test_lines_do_not_depend_on_how_they_were_cut(texts: list[bytes], longest: int, data: st.DataObject) -> None:
    whole = b"\n".join(texts)
    cuts = sorted(data.draw(st.lists(st.integers(0, len(whole)), max_size=8)))
    lines, found = Lines(longest), []
    for start, end in zip([0, *cuts], [*cuts, len(whole)], strict=True):
        found += lines.feed(whole[start:end])
    found += lines.end()
    expected = [(n, text[: longest + 1]) for n, text in enumerate(whole.split(b"\n"))]
    first = [(0, expected[0][1].removeprefix(b"\xef\xbb\xbf"))]
    assert found == [(n, text) for n, text in first + expected[1:] if text and not text.isspace()]


@given(st.binary(max_size=200), st.sampled_from([".gz", ".zst"]))
def test_any_bytes_inflate_or_are_damaged(tmp_path_factory: pytest.TempPathFactory, noise: bytes, suffix: str) -> None:
    path = tmp_path_factory.getbasetemp() / f"noise{suffix}"
    path.write_bytes(noise)
    with path.open("rb") as file:
        try:
            for piece in pieces(file, path):
                assert piece
        except DamageError:
            return


def compressed(text: bytes, suffix: str) -> bytes:
    if suffix == ".gz":
        return gzip.compress(text)
    return zstandard.ZstdCompressor().compress(text) if suffix == ".zst" else text
