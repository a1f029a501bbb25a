"""CEF, LEEF, syslog and GELF, read back by strict parsers written from their specifications: nothing is forged."""

from __future__ import annotations

import csv
import re
from dataclasses import replace
from pathlib import Path

import orjson
import pytest
from formcases import CASES, HOSTILE, LINK, NASTY, hostile, hostile_findings
from hypothesis import given, settings

from monitor.alerts.finding import Finding
from monitor.alerts.words import plain
from monitor.formats import cef, gelf, leef, syslog
from monitor.formats.severity import LEVELS
from monitor.formats.texts import CUT, cleaned, cut

SCHEMAS = Path(__file__).parents[2] / "schemas"
PARAM = re.compile(r' ([^\s="\]]{1,32})="((?:[^"\\\]]|\\["\\\]])*)"')
SYSLOG = re.compile(
    r"<(\d{1,3})>1 (\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{1,6}Z) ([!-~]{1,255}) ([!-~]{1,48}) ([!-~]{1,128}) "
    r"([!-~]{1,32}) "
    r'\[([!-~]+?)((?: [^\s="\]]{1,32}="(?:[^"\\\]]|\\["\\\]])*")*)\] \ufeff(.*)',
    re.DOTALL,
)


def parse_cef(line: str) -> tuple[list[str], dict[str, str]]:
    """Header and extension; AssertionError where the line is not well formed."""
    assert line.startswith("CEF:0|")
    header, current, place = [], "", 0
    while len(header) < 7:
        if line[place] == "\\":
            assert line[place + 1] in "\\|"
            current, place = current + line[place + 1], place + 2
        elif line[place] == "|":
            header.append(current)
            current, place = "", place + 1
        else:
            current, place = current + line[place], place + 1
    return header, dict(parse_extension(line[place:]))


def parse_extension(text: str) -> list[tuple[str, str]]:
    """Pairs: a key is a word before an equals sign that is not escaped; its value goes on until the next key."""
    bare, escaped = [], False
    for n, char in enumerate(text):
        if char == "=" and not escaped:
            bare.append(n)
        escaped = char == "\\" and not escaped
    begins = [begin_of_word(text, n) for n in bare]
    assert begins[0] == 0
    assert all(text[begin - 1] == " " for begin in begins[1:])
    ends = [*(begin - 1 for begin in begins[1:]), len(text)]
    pairs = [(text[b:n], text[n + 1 : e]) for b, n, e in zip(begins, bare, ends, strict=True)]
    assert len({key for key, _ in pairs}) == len(pairs)
    for _, value in pairs:
        assert re.fullmatch(r"(?:[^\\=\n\r]|\\[\\=nr])*", value)
    return [(key, re.sub(r"\\(.)", r"\1", value)) for key, value in pairs]


def begin_of_word(text: str, end: int) -> int:
    begin = end
    while begin and (text[begin - 1].isalnum() or text[begin - 1] == "_"):
        begin -= 1
    assert begin < end
    return begin


def parse_leef(line: str) -> tuple[list[str], dict[str, str]]:
    version, *header, attributes = line.split("|", 6)
    assert version == "LEEF:2.0"
    assert header[4] == "x09"
    pairs = [one.partition("=") for one in attributes.split("\t")]
    assert all(re.fullmatch(r"\w+", key) and sign for key, sign, _ in pairs)
    assert len({key for key, _, _ in pairs}) == len(pairs)
    return header, {key: value for key, _, value in pairs}


def parse_syslog(message: str) -> tuple[re.Match[str], dict[str, str]]:
    found = SYSLOG.fullmatch(message)
    assert found is not None
    values = [(key, re.sub(r'\\(["\\\]])', r"\1", value)) for key, value in PARAM.findall(found[8])]
    assert len(dict(values)) == len(values)
    return found, dict(values)


def keys() -> dict[str, tuple[str, int]]:
    lines = [line for line in (SCHEMAS / "cef.csv").read_text().splitlines() if not line.startswith("#")]
    return {row["key"]: (row["type"], int(row["length"] or 0)) for row in csv.DictReader(lines)}


@settings(max_examples=60, deadline=None)
@given(finding=hostile_findings())
def test_cef_gives_back_what_was_written(finding: Finding) -> None:
    header, told = parse_cef(cef.render_cef(finding, LINK))
    clean = cleaned(finding)
    assert header[:5] == ["CEF:0", "probewatch", "probewatch", "1", f"probewatch.{finding.family}"]
    assert header[6] == str(LEVELS[finding.severity].cef)
    assert told == {key: value for key, value in cef.extension(clean, LINK).items() if value}
    assert told.get("suid", "") == cut(plain(finding.client or ""), cef.SHORT)
    assert told.get("destinationServiceName", "") == cut(plain(finding.model), cef.SHORT)
    assert (told["externalId"], told["request"]) == (finding.id, LINK)


@settings(max_examples=60, deadline=None)
@given(finding=hostile_findings())
def test_cef_keeps_to_the_keys_types_and_lengths_of_the_dictionary(finding: Finding) -> None:
    known = keys()
    for key, value in parse_cef(cef.render_cef(finding, LINK))[1].items():
        kind, length = known[key]
        if kind == "text":
            assert len(value) <= length
        elif kind == "float":
            float(value)
        else:
            assert -(2**63) <= int(value) < 2**63


@settings(deadline=None)
@given(text=hostile)
def test_escapes_can_be_taken_back(text: str) -> None:
    line = f"CEF:0|{cef.escaped_header(plain(text))}|b|1|c|d|5|k={cef.escaped_value(plain(text))} z=1"
    header, told = parse_cef(line)
    assert (header[1], told) == (plain(text), {"k": plain(text), "z": "1"})
    message = f'<1>1 2026-01-01T00:00:00.0Z - a - - [x k="{syslog.escaped(text)}"] \ufeff'
    assert parse_syslog(message)[1] == {"k": text}


@settings(max_examples=60, deadline=None)
@given(finding=hostile_findings())
def test_leef_gives_back_what_was_written(finding: Finding) -> None:
    header, told = parse_leef(leef.render_leef(finding, LINK))
    assert header[:4] == ["probewatch", "probewatch", "1", finding.family]
    assert told["sev"] == str(LEVELS[finding.severity].leef)
    assert told.get("usrName", "") == cut(plain(finding.client or ""), leef.USER)
    assert told.get("model", "") == cut(plain(finding.model), leef.FIELD)
    assert told.get("members", "") == cut(" ".join(map(plain, finding.members)), leef.FIELD)
    assert (told["finding"], told["url"]) == (finding.finding, LINK)
    assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z", told["devTime"])


@settings(max_examples=60, deadline=None)
@given(finding=hostile_findings(), name=hostile)
def test_syslog_gives_back_what_was_written(finding: Finding, name: str) -> None:
    found, told = parse_syslog(syslog.frame(finding, cef.render_cef(finding), LINK, hostname=name))
    assert int(found[1]) == syslog.FACILITY * 8 + LEVELS[finding.severity].syslog
    assert (found[7], found[9]) == (syslog.SD_ID, cef.render_cef(finding))
    assert (told["finding"], told["url"]) == (finding.finding, LINK)
    model = told.get("model", "")
    assert model == plain(finding.model) or (model.endswith(CUT) and len(model.encode()) <= syslog.VALUE)


@settings(max_examples=60, deadline=None)
@given(finding=hostile_findings())
def test_our_own_text_of_syslog_fits_into_what_receivers_take(finding: Finding) -> None:
    found, _ = parse_syslog(syslog.render_syslog(finding))
    assert "\n" not in found[9]
    assert len(found[9].encode()) <= syslog.MESSAGE


@settings(max_examples=60, deadline=None)
@given(finding=hostile_findings())
def test_gelf_gives_back_what_was_written(finding: Finding) -> None:
    told = orjson.loads(orjson.dumps(gelf.render_gelf(finding, LINK)))
    assert {"version", "host", "short_message"} <= set(told)
    assert (told["version"], told["level"]) == ("1.1", LEVELS[finding.severity].syslog)
    assert told["short_message"]
    extra = {key: value for key, value in told.items() if key.startswith("_")}
    assert set(told) - set(extra) == {"version", "host", "short_message", "full_message", "timestamp", "level"}
    assert "_id" not in extra
    for key, value in extra.items():
        assert re.fullmatch(r"_[\w.\-]*", key, re.ASCII)
        assert isinstance(value, str | int | float)
        assert not isinstance(value, bool)
        assert len(str(value).encode()) <= 32_766
    model = told.get("_model", "")
    assert model == plain(finding.model) or model.endswith(CUT)
    assert (told["_finding"], told["_url"]) == (finding.finding, LINK)


def test_a_label_of_gelf_takes_the_place_of_no_field_of_ours() -> None:
    labels = {"risk": "0", "id": "forged", "severity": "low", "a b": "c"}
    told = gelf.render_gelf(replace(CASES["updated"], labels=labels))
    assert (told["_risk"], told["_severity"]) == (83.5, "high")
    assert (told["_label_risk"], told["_label_id"], told["_label_a_b"]) == ("0", "forged", "c")


@pytest.mark.parametrize("wrong", ["CEF:0|a|b|1|c|d|5|k=a=b", "CEF:0|a|b|1|c|d|5|k=a\\b", "CEF:0|a\\x|b|1|c|d|5|k=v"])
def test_the_parser_of_cef_refuses_what_is_not_escaped(wrong: str) -> None:
    with pytest.raises(AssertionError):
        parse_cef(wrong)


def test_hostile_texts_are_told_and_forge_nothing() -> None:
    _, told = parse_cef(cef.render_cef(HOSTILE))
    assert told["destinationServiceName"] == plain(NASTY[0])
    assert "10" not in told.values()
    assert told["suid"] == HOSTILE.client
