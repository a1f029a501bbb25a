"""Line sinks: what is reported as delivered is on the disk, once, whatever was torn in between."""

from __future__ import annotations

import io
import os
import resource
import threading
from pathlib import Path

import pytest
from findings import several
from hypothesis import given
from hypothesis import strategies as st

from monitor.alerts.finding import Finding
from monitor.config.trouble import Trouble
from monitor.formats.cef import render_cef
from monitor.formats.native import encode, parse
from monitor.sinks.form import Form
from monitor.sinks.ndjson import FileSink, StdoutSink, last_lines
from monitor.sinks.rotation import Rotation, aside, content


def read(path: Path) -> list[Finding]:
    content = path.read_bytes()
    assert content == b"" or content.endswith(b"\n")
    return [parse(line) for line in content.splitlines()]


def verdicts(sink: FileSink | StdoutSink, alerts: list[Finding], doubtful: set[str] | None = None) -> set[str]:
    return {outcome.verdict for outcome in sink.send(alerts, doubtful or set())}


def test_batches_are_appended(tmp_path: Path) -> None:
    alerts, path = several(5), tmp_path / "below" / "alerts.ndjson"
    for part in (alerts[:2], alerts[2:4], alerts[4:]):
        sink = FileSink("file", path)
        assert verdicts(sink, part) == {"delivered"}
        sink.close()
    assert read(path) == alerts


@pytest.mark.parametrize("torn", [1, 40, 2_000])
def test_a_torn_line_is_cut_off_and_nothing_is_doubled(tmp_path: Path, torn: int) -> None:
    alerts, path = several(4), tmp_path / "alerts.ndjson"
    sink = FileSink("file", path)
    sink.send(alerts[:3])
    sink.close()
    os.truncate(path, path.stat().st_size - torn)  # the crash, before anything was settled
    again = FileSink("file", path)
    assert verdicts(again, alerts, {alert.id for alert in alerts[:3]}) == {"delivered"}
    assert read(path) == alerts


def test_a_batch_that_was_written_but_not_reported_is_not_written_again(tmp_path: Path) -> None:
    alerts, path = several(3), tmp_path / "alerts.ndjson"
    FileSink("file", path).send(alerts)
    FileSink("file", path).send(alerts, {alert.id for alert in alerts})
    assert read(path) == alerts


def test_a_batch_that_was_set_aside_before_it_was_reported_is_not_written_again(tmp_path: Path) -> None:
    alerts, path = several(3), tmp_path / "alerts.ndjson"
    FileSink("file", path, Rotation(bytes=100)).send(alerts)
    FileSink("file", path, Rotation(bytes=100)).send(alerts, {alert.id for alert in alerts})
    assert read(tmp_path / "alerts.ndjson.1") == alerts
    assert read(path) == []


def test_files_are_set_aside_by_size(tmp_path: Path) -> None:
    alerts, path = several(12), tmp_path / "alerts.ndjson"
    sink = FileSink("file", path, Rotation(bytes=1))
    for alert in alerts:
        sink.send([alert])
    sink.close()
    assert [read(tmp_path / f"alerts.ndjson.{n}") for n in range(1, 13)] == [[alert] for alert in alerts]


def test_a_disk_that_fills_up_in_the_middle_of_a_batch_loses_and_doubles_nothing(tmp_path: Path) -> None:
    alerts, path = several(6), tmp_path / "alerts.ndjson"
    sink = FileSink("file", path)
    sink.send(alerts[:1])
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (path.stat().st_size * 7 // 2, hard))
    try:
        outcomes = sink.send(alerts[1:])
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
    assert {(outcome.verdict, outcome.reason) for outcome in outcomes} == {("retry", "file: File too large")}
    assert verdicts(sink, alerts[1:], {alert.id for alert in alerts[1:]}) == {"delivered"}
    assert read(path) == alerts


def test_a_folder_that_is_missing_for_a_while_loses_nothing(tmp_path: Path) -> None:
    folder = tmp_path / "folder"
    folder.touch()  # in the way
    sink, alerts = FileSink("file", folder / "alerts.ndjson"), several(2)
    assert verdicts(sink, alerts) == {"retry"}
    folder.unlink()
    assert verdicts(sink, alerts, {alert.id for alert in alerts}) == {"delivered"}
    assert read(folder / "alerts.ndjson") == alerts


@given(st.lists(st.binary(max_size=9).filter(lambda line: b"\n" not in line and b"\r" not in line)), st.integers(1, 5))
def test_the_last_lines_are_the_last_lines(lines: list[bytes], count: int) -> None:
    path = Path(os.environ.get("TMPDIR", "/tmp")) / f"probewatch-lines-{os.getpid()}"
    path.write_bytes(b"".join(line + b"\n" for line in lines))
    try:
        assert last_lines(path, count) == path.read_bytes().splitlines()[-count:]
    finally:
        path.unlink()


def test_the_last_lines_of_a_long_file(tmp_path: Path) -> None:
    lines = [b"%d" % n * 50 for n in range(5_000)]
    (tmp_path / "long").write_bytes(b"\n".join(lines) + b"\n")
    assert last_lines(tmp_path / "long", 1_000) == lines[-1_000:]
    assert last_lines(tmp_path / "none", 5) == []


def test_standard_output_gets_lines() -> None:
    stream = io.BytesIO()
    sink = StdoutSink("stdout", stream)
    assert verdicts(sink, several(2)) == {"delivered"}
    assert stream.getvalue() == b"".join(encode(alert) + b"\n" for alert in several(2))


def test_a_reader_that_has_gone_away_holds_alerts_back() -> None:
    reading, writing = os.pipe()
    os.close(reading)
    with os.fdopen(writing, "wb", buffering=0) as stream:
        assert verdicts(StdoutSink("stdout", stream), several(1)) == {"hold"}
    assert verdicts(StdoutSink("stdout", stream), several(1)) == {"hold"}


def test_a_line_that_is_no_alert_is_left_alone(tmp_path: Path) -> None:
    path = tmp_path / "alerts.ndjson"
    path.write_bytes(b"# somebody's remark\n")
    assert verdicts(FileSink("file", path), several(1)) == {"delivered"}
    assert path.read_bytes() == b"# somebody's remark\n" + encode(several(1)[0]) + b"\n"


def test_files_set_aside_are_compressed_and_the_oldest_leave(tmp_path: Path) -> None:
    path = tmp_path / "alerts.ndjson"
    rotation = Rotation(bytes=1, keep=3, compress=True)
    sink = FileSink("file", path, rotation)
    for alert in several(6):
        sink.send([alert])
    sink.close()
    assert sorted(one.name for one in tmp_path.iterdir()) == [f"alerts.ndjson.{n}.gz" for n in (4, 5, 6)]
    kept = [content(one) for one in aside(path)]
    assert kept == [encode(alert) + b"\n" for alert in several(6)[3:]]
    assert all(one.stat().st_mode & 0o777 == 0o600 for one in tmp_path.iterdir())
    again = FileSink("file", path, rotation)  # a batch that was set aside before it was reported is not written again
    last = several(6)[5]
    assert verdicts(again, [last], {last.id}) == {"delivered"}
    again.close()
    assert not path.read_bytes()


def test_a_file_is_set_aside_when_it_is_old(tmp_path: Path) -> None:
    now = [1_000.0]
    path = tmp_path / "alerts.ndjson"
    sink = FileSink("file", path, Rotation(seconds=3_600), clock=lambda: now[0])
    for alert in several(4):
        sink.send([alert])
        now[0] += 1_801
    sink.close()
    assert [len(read(one)) for one in (*aside(path), path)] == [3, 1]


def test_a_line_is_of_the_form_that_is_set(tmp_path: Path) -> None:
    path, alerts = tmp_path / "alerts.cef", several(3)
    sink = FileSink("file", path, form=Form.named("cef"))
    sink.send(alerts)
    sink.close()
    again = FileSink("file", path, form=Form.named("cef"))
    again.send(alerts, {alert.id for alert in alerts})
    again.close()
    assert path.read_text().splitlines() == [render_cef(alert) for alert in alerts]
    assert "read from" in again.read_back(alerts[1])
    with pytest.raises(Trouble, match="not in the file"):
        again.read_back(several(9)[8])
    stream = io.BytesIO()
    StdoutSink("screen", stream, Form.named("leef")).send(alerts)
    assert stream.getvalue().count(b"LEEF:2.0|") == 3


def test_two_writers_leave_each_others_lines_whole(tmp_path: Path) -> None:
    """`sinks test` beside a daemon that sets files aside."""
    path, alerts = tmp_path / "alerts.ndjson", several(120)
    daemon, other = (FileSink("file", path, Rotation(bytes=20_000)) for _ in range(2))
    threads = [
        threading.Thread(target=lambda sink=sink, mine=mine: [sink.send([one]) for one in mine])
        for sink, mine in ((daemon, alerts[::2]), (other, alerts[1::2]))
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    daemon.close()
    other.close()
    found = [one.id for file in (*aside(path), path) if file.exists() for one in read(file)]
    assert sorted(found) == sorted(alert.id for alert in alerts)
    assert aside(path)


def test_a_file_that_was_moved_away_is_opened_anew(tmp_path: Path) -> None:
    path, [first, second] = tmp_path / "alerts.ndjson", several(2)
    sink = FileSink("file", path)
    sink.send([first])
    path.rename(tmp_path / "moved")
    sink.send([second])
    sink.close()
    assert ([one.id for one in read(tmp_path / "moved")], [one.id for one in read(path)]) == ([first.id], [second.id])
