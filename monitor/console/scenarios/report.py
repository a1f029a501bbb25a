"""What became of scenarios: for people, for machines, and as JUnit XML, which every CI system reads."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any, Final
from xml.sax.saxutils import escape, quoteattr

from click import style

from monitor.alerts.words import plain
from monitor.console.scenarios.judging import Miss
from monitor.console.scenarios.running import Result, span

_INDENT: Final = "        "


def lines(result: Result) -> Iterator[str]:
    """One scenario on a terminal: a line, and what was expected and found instead where it failed."""
    mark = style("FAIL", fg="red", bold=True) if result.missed else style("ok", fg="green") + "  "
    yield f"{mark}  {plain(result.scenario.test.name)}  ({span(result.seconds)})"
    for miss in result.missed:
        yield f"      {_place(result, miss)}"
        yield style(f"{_INDENT}- {plain(miss.expected)}", fg="red")
        for got in miss.got:
            yield style(f"{_INDENT}+ {plain(got)}", fg="green")


def summary(results: Sequence[Result]) -> str:
    """The last line."""
    failed = sum(bool(one.missed) for one in results)
    queries, seconds = sum(one.queries for one in results), sum(one.seconds for one in results)
    said = f"{failed} of {len(results)} failed" if failed else f"all {len(results)} hold"
    return f"{said}; {queries:,} queries in {span(seconds)}"


def tree(result: Result) -> dict[str, Any]:
    """One scenario for machines. Clients stand in it as pseudonyms."""
    return {
        "file": str(result.scenario.file),
        "test": result.scenario.test.name,
        "held": not result.missed,
        "missed": [
            {"line": _line(result, miss), "expected": miss.expected, "got": list(miss.got)} for miss in result.missed
        ],
        "findings": [
            {
                "finding": one.finding.finding,
                "family": one.finding.family,
                "severity": one.severity,
                "queries": one.finding.queries,
                "model": one.finding.model,
                "clients": sorted(one.clients),
            }
            for one in result.found
        ],
        "queries": result.queries,
        "seconds": round(result.seconds, 3),
    }


def junit(results: Sequence[Result]) -> str:
    """The results as JUnit XML, a suite for each file."""
    files: dict[str, list[Result]] = {}
    for one in results:
        files.setdefault(str(one.scenario.file), []).append(one)
    suites = "".join(_suite(name, group) for name, group in files.items())
    return f'<?xml version="1.0" encoding="UTF-8"?>\n<testsuites name="probewatch test">\n{suites}</testsuites>\n'


def _suite(name: str, group: Sequence[Result]) -> str:
    failed, seconds = sum(bool(one.missed) for one in group), sum(one.seconds for one in group)
    head = f'<testsuite name={_quoted(name)} tests="{len(group)}" failures="{failed}" errors="0" time="{seconds:.3f}">'
    return f"{head}\n{''.join(_case(name, one) for one in group)}</testsuite>\n"


def _case(file: str, one: Result) -> str:
    head = f'<testcase classname={_quoted(file)} name={_quoted(one.scenario.test.name)} time="{one.seconds:.3f}"'
    if not one.missed:
        return f"  {head}/>\n"
    told = "\n".join(f"{_place(one, miss)}\n- {miss.expected}\n+ {'; '.join(miss.got)}" for miss in one.missed)
    first = _quoted(one.missed[0].expected)
    return f"  {head}>\n    <failure message={first}>{escape(_printable(told))}</failure>\n  </testcase>\n"


def _place(result: Result, miss: Miss) -> str:
    return f"{result.scenario.file}:{_line(result, miss)}"


def _line(result: Result, miss: Miss) -> int:
    return result.scenario.lines[0 if miss.place is None else miss.place]


def _quoted(text: str) -> str:
    return quoteattr(plain(text))


def _printable(text: str) -> str:
    return "\n".join(plain(line) for line in text.splitlines())
