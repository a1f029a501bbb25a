"""Verdicts, silences and names of kinds from the command line: kept, shown, on record, and never with a name."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from findings import finding
from installed import Invoke

from detectors.novelty import looked_at
from detectors.scoring.kinds import code, place
from detectors.sketch.queries import ROWS
from monitor.record.keys import load_keys
from monitor.record.pseudonyms import text
from monitor.runtime import audit
from monitor.sinks.outbox import Outbox

NAMES = looked_at(ROWS)
HERE = code(place(ROWS, NAMES, np.full(len(NAMES), 0.5)))
PSEUDONYM = "327br6ajtwv7haeaetap3c5tla"
FOUND = finding(finding="aa" * 16, family="evasion", revision=1, client=PSEUDONYM)
GROUP = finding(finding="bb" * 16, family="campaign", revision=1, members=("m1", "m2"))
NEW = finding(
    finding="cc" * 16,
    family="novelty",
    tier="novelty",
    revision=1,
    members=("m3",),
    labels={"kind": HERE, "clients": "1"},
)

Json = dict[str, object]
Told = Callable[..., list[Json]]


@pytest.fixture
def state(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("PROBEWATCH__RUNTIME__STATE", str(tmp_path))
    outbox = Outbox(tmp_path / "outbox.db", ["a"])
    outbox.accept([FOUND, GROUP, NEW])
    outbox.close()
    return tmp_path


@pytest.fixture
def told(invoke: Invoke, state: Path) -> Told:
    """What a command prints with --json."""

    def call(*arguments: str, input: str | None = None) -> list[Json]:
        result = invoke(*arguments, "--json", input=input)
        assert result.exit_code == 0, result.output
        return [json.loads(line) for line in result.stdout.splitlines()]

    return call


def actions(state: Path) -> list[str]:
    assert audit.verify(state / "audit.log")[1] is None
    return [json.loads(line)["action"] for line in (state / "audit.log").read_text().splitlines()]


# --- feedback ---------------------------------------------------------------------------------------------------------


def test_a_verdict_is_kept_shown_and_on_record(invoke: Invoke, told: Told, state: Path) -> None:
    assert told("feedback", "aaaa", "false", "--reason", "an audit")[0]["new"]
    assert not told("feedback", "give", "aaaa", "false", "--reason", "an audit")[0]["new"]
    told("feedback", "aaaa", "benign", "--reason", "of the credit team\x1b[1m", "--author", "ann")
    [alert] = told("alerts", "list", "--family", "evasion")
    assert alert["verdict"]["word"] == "benign"  # type: ignore[index]
    assert invoke("alerts", "list", "--family", "evasion").stdout.endswith("benign\n")
    shown = invoke("alerts", "show", "aaaa").stdout
    assert "verdict   benign" in shown
    assert "ann: of the credit team" in shown
    assert "\x1b" not in shown.replace("\x1b[1m" + FOUND.title + "\x1b[0m", "")
    assert [one["word"] for one in told("feedback", "list")] == ["false", "benign"]
    [record] = told("feedback", "report")
    assert (record["test"], record["right"]) == ("inversion/confidence-climb", 1.0)
    assert actions(state) == ["feedback"] * 3
    assert "audit" not in (state / "audit.log").read_text().replace('"action"', "")


@pytest.mark.parametrize(
    ("arguments", "what"),
    [
        (("zz", "true", "--reason", "x"), "no finding begins like that"),
        (("aaaa", "true", "--reason", " \n"), "the reason is empty"),
        (("aaaa", "true", "--reason", "x" * 501), "the reason has 501 characters"),
    ],
)
def test_what_is_no_verdict(invoke: Invoke, state: Path, arguments: tuple[str, ...], what: str) -> None:
    result = invoke("feedback", *arguments)
    assert result.exit_code == 2
    assert f"what:  {what}" in result.stderr
    assert not (state / "audit.log").exists()


def test_a_word_that_nobody_knows(invoke: Invoke, state: Path) -> None:
    assert invoke("feedback", "aaaa", "maybe", "--reason", "x").exit_code == 2


# --- silence ----------------------------------------------------------------------------------------------------------


def test_a_silence_by_name_holds_a_pseudonym(invoke: Invoke, told: Told, state: Path) -> None:
    name = "the-raw-name-of-somebody"
    [made] = told("silence", "add", "--client", "-", "--for", "2h", "--reason", "load test", input=name + "\n")
    pseudonym = text(load_keys().names.client(name))
    assert (made["matchers"], made["state"], made["fits"]) == ({"client": pseudonym}, "active", 0)
    [known] = told("silence", "list")
    assert known["silence"] == made["silence"]
    assert [name.encode() in file.read_bytes() for file in state.iterdir()] == [False] * len(list(state.iterdir()))
    assert pseudonym not in (state / "audit.log").read_text()
    done = invoke("silence", "expire", str(made["silence"])[:4])
    assert "it has kept back 0 findings" in done.stdout
    assert told("silence", "list") == []
    assert [one["state"] for one in told("silence", "list", "--all")] == ["over"]
    assert actions(state) == ["silence added", "silence expired"]


def test_a_silence_of_the_past_says_when_it_was_and_what_it_is_about(told: Told, invoke: Invoke, state: Path) -> None:
    hour = ("--start", "2026-11-21T10:00:00Z", "--end", "2026-11-21T11:00:00Z", "--reason", "red team")
    past = ("--start", "2026-01-21T10:00:00Z", "--for", "1h", "--reason", "red team")
    [one] = told("silence", "add", "--finding", "aaaa", *hour)
    assert (one["state"], one["fits"], one["told"], one["kept_back"]) == ("over", 1, 1, 0)
    made = invoke("silence", "add", "--finding", "aaaa", *past)
    assert "its time is over: it is about records from 2026-01-21T10:00Z to 2026-01-21T11:00Z" in made.stderr
    assert "went to the sinks" not in made.stderr  # nothing of that time
    assert "1 went to the sinks before it was made" in invoke("silence", "add", "--finding", "aaaa", *hour).stderr
    assert "its time is over" not in invoke("silence", "add", "--model", "m", "--for", "1h", "--reason", "r").stderr
    outbox = Outbox(state / "outbox.db", ())
    outbox.accept([finding(finding="aa" * 16, client=PSEUDONYM, revision=9)])
    outbox.close()
    lines = invoke("silence", "list", "--all").stdout.splitlines()
    listed = [line for line in lines if "2026-11-21T10:00Z to 2026-11-21T11:00Z" in line]
    assert len(listed) == 2
    [counted] = [line for line in listed if "kept back 1" in line]  # one of the two, it does not matter which
    done = invoke("silence", "expire", counted.split()[0]).stdout
    assert done.endswith(f"over: from 2026-11-21T10:00Z to 2026-11-21T11:00Z it has kept back 1 findings: {'aa' * 6}\n")


def test_a_silence_of_what_a_finding_is_about(told: Told, invoke: Invoke) -> None:
    hour = ("--start", "2026-11-21T10:00:00Z", "--end", "2026-11-21T11:00:00Z", "--reason", "red team")
    [one] = told("silence", "add", "--finding", "aaaa", *hour)
    [several] = told("silence", "add", "--finding", "bbbb", *hour)
    [model] = told("silence", "add", "--model", "credit", "--family", "evasion", *hour)
    assert one["matchers"] == {"client": PSEUDONYM}
    assert told("silence", "add", "--finding", "cccc", *hour)[0]["matchers"] == {
        "campaign": NEW.finding,
        "family": "novelty",
    }, "attacks of those who send a new kind of traffic are told"
    assert several["matchers"] == {"campaign": GROUP.finding}
    assert [one["fits"], several["fits"], model["fits"]] == [1, 1, 1]
    [why] = told("silence", "why", "aaaa")
    assert why["kept_back"] is None, "it went to the sinks before"
    assert str(why["next"]).removeprefix("silence:") in {one["silence"], model["silence"]}
    assert f"{several['silence']}  does not fit: campaign" in invoke("silence", "why", "aaaa").stdout
    people = invoke("silence", "list", "--all").stdout
    assert "2026-11-21T10:00Z to 2026-11-21T11:00Z" in people
    assert "red team" in people


def test_kept_back_alerts_are_listed_apart(
    told: Told, invoke: Invoke, state: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    told("silence", "add", "--pseudonym", PSEUDONYM, "--start", "2026-11-20T00:00:00Z", "--for", "9d", "--reason", "x")
    outbox = Outbox(state / "outbox.db", ["a"])
    outbox.accept([finding(finding="aa" * 16, family="evasion", revision=2, client=PSEUDONYM)])
    outbox.close()
    [kept] = told("alerts", "list", "--silenced")
    assert (kept["finding"], str(kept["silenced"])[:8]) == (FOUND.finding, "silence:")
    assert FOUND.finding not in {one["finding"] for one in told("alerts", "list")}
    assert [one.get("silenced", "no")[:8] for one in told("alerts", "show", "aaaa")] == ["no", "silence:"]  # type: ignore[attr-defined]
    name = str(told("silence", "list", "--all")[0]["silence"])
    assert "what:  there is no sink" in invoke("silence", "expire", name, "--deliver").stderr
    monkeypatch.setenv("PROBEWATCH__SINKS", '{"a": {"type": "file", "path": "/nowhere"}}')
    assert told("silence", "expire", name, "--deliver")[0]["delivered"] == 1
    assert told("alerts", "list", "--silenced") == []


@pytest.mark.parametrize(
    ("arguments", "what"),
    [
        ((), "that would keep back everything"),
        (("--client", "a", "--pseudonym", PSEUDONYM), "a silence is about one client"),
        (("--pseudonym", "alice"), "a pseudonym has 26 letters"),
        (("--family", "evasoin"), "no such family"),
        (("--campaign", "aaaa"), "that finding is about one client"),
        (("--finding", "zzzz"), "no finding begins like that"),
        (("--model", "m", "--end", "2026-01-01T00:00:00Z"), "a silence needs one end"),
    ],
)
def test_what_is_no_silence(invoke: Invoke, state: Path, arguments: tuple[str, ...], what: str) -> None:
    result = invoke("silence", "add", *arguments, "--for", "1h", "--reason", "x")
    assert result.exit_code == 2
    assert what in result.stderr
    assert "mend:" in result.stderr
    assert not (state / "audit.log").exists()


@pytest.mark.parametrize(
    ("times", "what"),
    [
        (("--start", "2026-01-02T00:00:00Z", "--end", "2026-01-01T00:00:00Z"), "it ends before it begins"),
        (("--for", "60w"), "it lasts longer than a year"),
        (("--for", "soon"), "write a length like 45m"),
        (("--for", "-3h"), "write a length like 45m"),
        (("--end", "tomorrow"), "write a time like"),
        (("--end", "2026-01-01T00:00:00"), "say the zone as well"),
    ],
)
def test_times_that_are_none(invoke: Invoke, state: Path, times: tuple[str, ...], what: str) -> None:
    result = invoke("silence", "add", "--model", "m", "--reason", "x", *times)
    assert result.exit_code == 2
    assert what in result.stderr


def test_a_silence_that_nobody_knows(invoke: Invoke, state: Path) -> None:
    assert "what:  no silence begins like that" in invoke("silence", "expire", "zz").stderr


# --- profile ----------------------------------------------------------------------------------------------------------


def test_a_kind_is_listed_named_and_forgotten(
    invoke: Invoke, told: Told, state: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    [kind] = told("profile", "list")
    assert (kind["name"], kind["clients"], kind["members"]) == (None, 1, ["m3"])
    assert kind["looks"]["chain.length"] == {"value": 240.0, "usual": 3.0}  # type: ignore[index]
    assert invoke("profile", "name", "cccc", "nightly", "--reason", "scores everybody").exit_code == 0
    assert told("profile", "list", "--model", "credit")[0]["name"] == "nightly"
    outbox = Outbox(state / "outbox.db", ["a"])
    outbox.accept([finding(finding="cc" * 16, family="novelty", tier="novelty", revision=2, labels=NEW.labels)])
    outbox.close()
    assert [one["silenced"] for one in told("alerts", "list", "--silenced")] == ["profile:nightly"]
    people = invoke("profile", "list").stdout
    assert "nightly" in people
    assert "since 2026-11-21T10:00:00Z" in people
    assert invoke("profile", "forget", "nightly", "--model", "credit").exit_code == 0
    monkeypatch.setenv("PROBEWATCH__ENGINE__KNOWN", json.dumps({"credit": {"profiles": {"by hand": HERE}}}))
    [kind] = told("profile", "list")
    assert (kind["name"], kind["author"], kind["named"]) == ("by hand", "the settings", None)
    again = invoke("profile", "forget", "nightly", "--model", "credit")
    assert "what:  no kind of that model has that name" in again.stderr
    assert actions(state) == ["profile named", "profile forgotten", "profile forgotten"]


def test_only_a_finding_about_a_kind_can_be_named(invoke: Invoke, state: Path) -> None:
    result = invoke("profile", "name", "aaaa", "x", "--reason", "y")
    assert result.exit_code == 2
    assert "not about a kind of traffic" in result.stderr
