"""All forms: golden files, the same promises of each, and nothing that is withheld in any of them."""

from __future__ import annotations

import os
import re
from collections.abc import Callable
from dataclasses import replace
from operator import itemgetter
from pathlib import Path
from typing import Any

import orjson
import pytest
from formcases import CASES, LINK, hostile_findings
from hypothesis import given, settings

from detectors.taxonomy import FAMILIES
from monitor.alerts.finding import Contribution, Finding
from monitor.alerts.guidance import FLOOD_GUIDANCE, GUIDANCE, STORM_GUIDANCE
from monitor.alerts.words import plain
from monitor.formats.allowed import PARTS, withhold
from monitor.formats.catalogue import RENDERERS
from monitor.formats.texts import CUT, cleaned, cut, cut_bytes

GOLDEN = Path(__file__).parent / "golden"
TREES = {"native", "ecs"}  # what holds the texts as they are: JSON escapes them
SECRETS = {"client": "c1.secretclient", "group": "g1.secretgroup", "members": "c1.secretmember"}


#: What people see of a form before they see anything else.
FIRST_SAID: dict[str, Callable[[Any], str]] = {
    "native": itemgetter("title"),
    "ecs": itemgetter("message"),
    "ocsf": itemgetter("message"),
    "asim": itemgetter("AlertName"),
    "cef": lambda line: line.split("|")[5],
    "leef": lambda line: line.partition("name=")[2],
    "gelf": itemgetter("short_message"),
    "syslog": lambda line: line.partition("\ufeff")[2],
    "alertmanager": lambda alerts: alerts[0]["annotations"]["summary"],
    "pagerduty": lambda event: event["payload"]["summary"],
    "slack": lambda message: message["blocks"][0]["text"]["text"],
    "teams": lambda message: message["attachments"][0]["content"]["body"][0]["inlines"][0]["text"],
    "otel": lambda tree: tree["resourceLogs"][0]["scopeLogs"][0]["logRecords"][0]["body"]["stringValue"],
}


def written(name: str, finding: Finding, link: str | None = LINK) -> bytes:
    form = RENDERERS[name](finding, link)
    if isinstance(form, str):
        return form.encode() + b"\n"
    return orjson.dumps(form, option=orjson.OPT_INDENT_2) + b"\n"


@pytest.mark.parametrize("case", CASES)
@pytest.mark.parametrize("name", RENDERERS)
def test_golden_forms(name: str, case: str) -> None:
    path = GOLDEN / name / f"{case}.{'txt' if name in ('cef', 'leef', 'syslog') else 'json'}"
    if "UPDATE_GOLDEN" in os.environ:
        path.parent.mkdir(exist_ok=True)
        path.write_bytes(written(name, CASES[case]))
    assert path.read_bytes() == written(name, CASES[case])


@pytest.mark.parametrize("name", sorted(set(RENDERERS) - TREES))
@settings(max_examples=40, deadline=None)
@given(finding=hostile_findings())
def test_no_text_steers_what_shows_it(name: str, finding: Finding) -> None:
    """Neither directly nor once the JSON is read: no control character but the break between our own lines."""
    form = RENDERERS[name](finding, LINK)
    told = orjson.loads(orjson.dumps(form))  # valid UTF-8, valid JSON
    for text in texts(told):
        assert all(char.isprintable() or char in "\n\t\ufeff" for char in text)
    if isinstance(form, str):
        assert "\n" not in form


def texts(tree: object) -> list[str]:
    if isinstance(tree, dict):
        return [text for key, value in tree.items() for text in (key, *texts(value))]
    if isinstance(tree, list):
        return [text for value in tree for text in texts(value)]
    return [tree] if isinstance(tree, str) else []


@pytest.mark.parametrize("name", RENDERERS)
def test_a_withheld_pseudonym_is_in_no_form(name: str) -> None:
    said = " ".join(SECRETS.values())
    whole = replace(
        CASES["hostile"],
        client=SECRETS["client"],
        group=SECRETS["group"],
        members=(SECRETS["members"],),
        **dict.fromkeys(("title", "reason", "profile", "model"), said),
        labels={said: said},
        response=(said,),
        evidence=tuple(replace(piece, detector=said, test=said) for piece in CASES["hostile"].evidence),
    )
    assert any(secret.encode() in written(name, whole) for secret in SECRETS.values())
    form = written(name, withhold(whole, ("client", "group", "members")))
    assert [secret for secret in SECRETS.values() if secret.encode() in form] == []


@pytest.mark.parametrize("name", RENDERERS)
def test_a_test_says_first_that_it_is_one(name: str) -> None:
    """Whatever may not be told, and even where only a title is shown."""
    bare = withhold(CASES["test"], PARTS)
    form = RENDERERS[name](bare, None)
    said = FIRST_SAID[name](form)
    assert "TEST" in said[:40], said
    form = RENDERERS[name](withhold(CASES["named"], PARTS), None)
    assert "TEST" not in FIRST_SAID[name](form)


@pytest.mark.parametrize("case", CASES)
@pytest.mark.parametrize("name", RENDERERS)
def test_every_form_copes_with_a_finding_without_any_part(name: str, case: str) -> None:
    bare = withhold(CASES[case], PARTS)
    assert (bare.client, bare.members, bare.group, bare.lineage.topic) == (None, (), None, "")
    assert list(bare.labels) == (["test"] if case == "test" else [])
    form = written(name, bare, None)
    assert form == written(name, bare, None)
    for hidden in (b"0.883", b"5jg2m4b7xq3vkz6n", b"c1.aaaa", b"k2v7t5mq4z", b"production", b"90211"):
        assert hidden not in form


def test_a_part_that_is_not_withheld_stays() -> None:
    assert withhold(CASES["updated"], ()) == CASES["updated"]
    told = withhold(CASES["updated"], ("values",))
    assert (told.client, told.labels) == (CASES["updated"].client, CASES["updated"].labels)
    assert told.reason == "inversion/confidence-climb"
    assert withhold(CASES["closed"], ("values",)).reason == "cost"
    assert withhold(CASES["campaign"], ("members",)).labels["clients"] == "4"
    assert withhold(CASES["novelty"], ("members",)).labels["clients"] == "12"


def test_the_longest_pseudonym_goes_first() -> None:
    told = withhold(replace(CASES["named"], client="c1.a", group="c1.ab", reason="c1.ab c1.a"), ("client", "group"))
    assert told.reason == "[withheld] [withheld]"


@pytest.mark.parametrize("name", sorted(set(RENDERERS) - {"native"}))
def test_the_link_is_in_every_form_but_the_native_one(name: str) -> None:
    assert LINK.encode() in written(name, CASES["updated"])
    assert LINK.encode() not in written(name, CASES["updated"], None)


@given(finding=hostile_findings())
@settings(max_examples=40, deadline=None)
def test_cleaned_texts_are_what_plain_makes_of_them(finding: Finding) -> None:
    clean = cleaned(finding)
    assert (clean.model, clean.title, clean.reason) == tuple(map(plain, (finding.model, finding.title, finding.reason)))
    assert cleaned(clean) == clean


@pytest.mark.parametrize("size", [10, 11, 100])
def test_what_is_cut_says_so_and_fits(size: int) -> None:
    for letter in ("x", "ä", "😀"):
        assert cut(letter * size, size) == letter * size
        assert len(cut(letter * 200, size)) == size
        assert cut(letter * 200, size).endswith(CUT)
        assert len(cut_bytes(letter * 200, size + 4).encode()) <= size + 4
        assert cut_bytes(letter * 200, size + 4).endswith(CUT)
    assert cut_bytes("x" * size, size) == "x" * size


def test_every_family_has_guidance_in_whole_sentences() -> None:
    assert set(GUIDANCE) == set(FAMILIES)
    for one in (*GUIDANCE.values(), STORM_GUIDANCE, FLOOD_GUIDANCE):
        for text in (one.aim, one.false_alarm, one.look):
            assert re.fullmatch(r"[A-Z].+[.?]", text)


def test_a_campaign_of_which_nobody_may_be_told_says_how_many_took_part() -> None:
    told = RENDERERS["slack"](withhold(CASES["campaign"], ("client", "members", "group")), None)
    assert "4 clients" in orjson.dumps(told).decode()
    assert "900 clients" in orjson.dumps(RENDERERS["slack"](CASES["storm"], None)).decode()


def test_a_number_that_is_none_is_left_out() -> None:
    numbers = (Contribution("near", float("nan"), 0.1, 0.5), Contribution("rise", 2.0, float("nan"), float("nan")))
    one = replace(CASES["named"], evidence=(replace(CASES["named"].evidence[0], contributions=numbers),))
    for name in RENDERERS:
        assert not re.search(rb"\bnan\b", written(name, one), re.IGNORECASE)
