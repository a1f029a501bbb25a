"""What is silenced is kept and not delivered; whatever fits in time, by client or by kind of traffic."""

from __future__ import annotations

import json
import sqlite3
from dataclasses import asdict, replace
from pathlib import Path

import numpy as np
import pytest
from findings import finding

from detectors.novelty import looked_at
from detectors.scoring.kinds import code, place
from detectors.sketch.queries import ROWS
from monitor.alerts.silences import Matchers, Named, Rules, Silence
from monitor.config.runtime import RuntimeSettings
from monitor.config.settings import Settings
from monitor.config.trouble import Trouble
from monitor.runtime.metrics import Metrics
from monitor.runtime.quiet import tell
from monitor.sinks.erasing import erase
from monitor.sinks.outbox import Outbox
from monitor.sinks.silencing import MOST

AT = finding().updated_at
NAMES = looked_at(ROWS)
HERE, NEARBY, FAR = (code(place(ROWS, NAMES, np.full(len(NAMES), value))) for value in (0.5, 0.52, 3.0))


def silence(start: int = AT - 1, end: int = AT + 1, name: str = "aa", **matchers: object) -> Silence:
    return Silence(name, Matchers(**matchers), start, end, "red team", "ann", AT, "1")  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("asked", "changes", "misses"),
    [
        ({"client": finding().client}, {}, []),
        ({"client": "other"}, {}, ["client"]),
        ({"client": "m1"}, {"members": ("m1",)}, []),
        ({"client": "m1"}, {"members": ("m1", "m2")}, ["client"]),
        ({"group": finding().group, "family": "inversion"}, {}, []),
        ({"group": "g2"}, {}, ["group"]),
        ({"family": "inversion", "model": "credit"}, {}, []),
        ({"family": "evasion", "model": "fraud"}, {}, ["family", "model"]),
        ({"campaign": "ff", "members": ("m1", "m2")}, {"members": ("m1", "m2", "m3"), "finding": "ff"}, []),
        ({"campaign": "ff", "members": ("m1", "m2")}, {"client": "m2"}, []),
        ({"campaign": "ff", "members": ("m1", "m2")}, {"members": ("m1", "m3")}, ["campaign"]),
        ({"campaign": "ff", "members": ("m1",)}, {"client": None}, ["campaign"]),
    ],
)
def test_everything_that_is_asked_for_has_to_fit(
    asked: dict[str, object], changes: dict[str, object], misses: list[str]
) -> None:
    assert silence(**asked).misses(finding(**changes)) == misses


def test_times_are_those_of_the_records_and_the_end_is_outside() -> None:
    fits = [silence(start, end, model="credit").misses(finding()) for start, end in ((AT, AT + 1), (AT - 9, AT))]
    assert fits == [[], ["time"]]
    assert [silence().state(now) for now in (AT - 2, AT, AT + 1)] == ["planned", "active", "over"]


def test_a_named_kind_keeps_back_its_novelty_and_nothing_else() -> None:
    rules = Rules((), (Named("credit", "nightly", HERE, "ann", AT, "scores everybody"),))
    new = finding(family="novelty", tier="novelty", members=("m1",), labels={"kind": NEARBY, "clients": "1"})
    assert rules.why(new) == "profile:nightly"
    assert rules.why(replace(new, labels={"kind": FAR})) is None
    assert rules.why(replace(new, model="fraud")) is None
    assert rules.why(replace(new, labels={"kind": "of another version"})) is None
    assert rules.why(replace(new, tier="named", family="evasion")) is None


def test_what_is_silenced_stays_in_the_outbox_and_reaches_no_sink(tmp_path: Path) -> None:
    outbox, heard = Outbox(tmp_path / "outbox.db", ["a"]), list[int]()
    outbox.subscribe(heard.append)
    outbox.silencing.add(silence(family="evasion"))
    quiet, loud = finding(family="evasion", revision=1), finding(family="extraction", revision=1)
    assert outbox.accept([quiet, loud]) == 1
    assert heard == [1]
    assert [due.finding for due in outbox.claim("a", 0.0, 10)] == [loud]
    assert outbox.history.latest(silenced=True) == [quiet]
    assert outbox.history.latest(silenced=False) == [loud]
    assert outbox.history.revisions(quiet.finding) == [quiet]
    assert outbox.silencing.reasons([quiet, loud]) == {quiet.id: "silence:aa"}
    outbox.close()
    again = Outbox(tmp_path / "outbox.db", ["a"])  # a restart: the same findings come again
    assert again.accept([quiet, loud]) == 0
    assert again.waiting("a") == 1
    late = replace(quiet, revision=2, updated_at=AT + 5)
    assert again.accept([late]) == 1
    assert again.silencing.kept("silence:aa").revisions == 1


@pytest.mark.parametrize("delivered", [False, True])
def test_the_closing_of_what_nobody_has_heard_of_is_no_news(tmp_path: Path, delivered: bool) -> None:
    outbox = Outbox(tmp_path / "outbox.db", ["a"])
    first = finding(family="evasion", revision=1, updated_at=AT - 9 if delivered else AT)
    outbox.silencing.add(silence(family="evasion"))
    outbox.accept([first, replace(first, revision=2, updated_at=AT)])
    assert outbox.accept([replace(first, revision=3, status="closed", updated_at=AT + 9)]) == delivered
    assert outbox.silencing.kept("silence:aa").revisions == (1 if delivered else 3)


def test_a_silence_of_another_version_keeps_nothing_back(tmp_path: Path) -> None:
    outbox = Outbox(tmp_path / "outbox.db", ["a"])
    outbox.silencing.add(silence(family="evasion"))
    outbox.close()
    with sqlite3.connect(tmp_path / "outbox.db") as database:
        database.execute("UPDATE silences SET body = ?", (b'{"id": "aa", "weather": "fine"}',))
        database.execute("INSERT INTO kinds VALUES ('m', 'c', 'n', ?)", (b"[]",))
    again = Outbox(tmp_path / "outbox.db", ["a"])
    assert again.accept([finding(family="evasion", revision=1)]) == 1
    assert again.silencing.over(2**62) == []


def test_what_was_kept_back_can_be_given_to_the_sinks(tmp_path: Path) -> None:
    outbox = Outbox(tmp_path / "outbox.db", ["a", "b"])
    outbox.silencing.add(silence(family="evasion"))
    first = finding(family="evasion", revision=1)
    outbox.accept([first, replace(first, revision=2)])
    assert outbox.silencing.release("silence:aa", ["a", "b"]) == 1
    assert [due.finding.revision for due in outbox.claim("b", 0.0, 10)] == [2]
    assert outbox.silencing.release("silence:aa", ["a", "b"]) == 0


def test_the_metrics_the_page_and_the_note_at_its_end(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    settings = Settings(runtime=RuntimeSettings(state=tmp_path))
    outbox, metrics = Outbox(tmp_path / "outbox.db", ["a"]), Metrics()
    outbox.silencing.add(silence(family="evasion", start=AT - 9, end=AT + 9))
    outbox.silencing.add(silence(model="credit", start=2**51, end=2**52, name="bb"))
    outbox.accept([finding(family="evasion", revision=1)])
    page = tell(outbox, settings, metrics, "1")
    assert [(one["silence"], one["state"]) for one in page["silences"]] == [("bb", "planned")]
    value = metrics.registry.get_sample_value
    assert value("probewatch_alerts_kept_back", {"by": "silence"}) == 1
    assert value("probewatch_alerts_kept_back", {"by": "profile"}) == 0
    assert value("probewatch_silences_active") == 0
    assert [record.findings for record in caplog.records] == [1]
    line = json.loads((tmp_path / "audit.log").read_text())
    assert (line["action"], line["detail"]) == ("silence over", {"silence": "aa", "findings": 1, "revisions": 1})
    tell(outbox, settings, metrics, "1")
    assert len(caplog.records) == 1, "a silence is over once"


def test_there_is_a_ceiling_and_those_that_are_over_make_room(tmp_path: Path) -> None:
    silencing = Outbox(tmp_path / "outbox.db", []).silencing
    silencing.add(silence(name="old", model="m", start=1, end=2))
    rows = [(f"n{number}", json.dumps(asdict(silence(name=f"n{number}", model="m")))) for number in range(MOST - 1)]
    with sqlite3.connect(tmp_path / "outbox.db") as database:
        database.executemany("INSERT INTO silences VALUES (?, 0, ?)", rows)
    silencing.add(silence(name="last", model="m"))
    assert "old" not in {one.id for one in silencing.silences()}
    with pytest.raises(Trouble, match="silences already"):
        silencing.add(silence(name="more", model="m"))


def test_erasing_a_client_takes_what_was_said_of_it(tmp_path: Path) -> None:
    outbox = Outbox(tmp_path / "outbox.db", ["a"])
    outbox.silencing.add(silence(client="gone"))
    outbox.silencing.add(silence(name="bb", campaign="ff", members=("gone", "kept")))
    outbox.accept([finding(client="gone", revision=1)])
    outbox.close()
    erase(tmp_path / "outbox.db", ["gone"], [], None)
    left = Outbox(tmp_path / "outbox.db", ["a"]).silencing
    assert [(one.id, one.matchers.members) for one in left.silences()] == [("bb", ("kept",))]
    assert left.counts() == {"silence": 0, "profile": 0}
    assert b"gone" not in (tmp_path / "outbox.db").read_bytes()
