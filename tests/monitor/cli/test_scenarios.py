import json
from collections.abc import Callable
from pathlib import Path
from xml.etree import ElementTree

import pytest
import recorded
from click.testing import CliRunner, Result
from findings import finding
from installed import KEY

from monitor.cli.root import root
from monitor.console.scenarios.form import Expected, Test, Tolerance
from monitor.console.scenarios.judging import misses, outcomes
from monitor.record.pseudonyms import text

GOLDEN = Path(__file__).parents[2] / "golden"
LOGS = f"[{{log: {GOLDEN}/base/digits.ndjson.zst}}, {{log: {GOLDEN}/backdoor-probing/attack/queries.ndjson.zst}}]"
NAME = recorded.client(json.loads(__import__("zstandard").ZstdDecompressor().stream_reader(
    (GOLDEN / "backdoor-probing/attack/queries.ndjson.zst").read_bytes()).read().splitlines()[0]))  # fmt: skip
HELD = f"""
traffic: {LOGS}
tests:
  - name: the attacker is named
    expect: [{{client: {NAME}, family: backdoor-probing, severity: high, within: 200}}]
"""

Run = Callable[..., Result]


@pytest.fixture
def run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Run:
    """Writes a scenario file and runs it with every detector of the package."""
    monkeypatch.setenv("PROBEWATCH_KEY", KEY)

    def call(content: str, *options: str, name: str = "scenarios.yaml") -> Result:
        (tmp_path / name).write_text(content)
        return CliRunner().invoke(root, ["test", str(tmp_path / name), *options])

    return call


def test_what_holds_is_0_and_what_does_not_is_1_with_a_diff(run: Run, tmp_path: Path) -> None:
    file = (
        HELD
        + f"""
  - name: sooner than it can be
    expect: [{{client: {NAME}, family: backdoor-probing, within: 3}}]
  - name: nobody
    expect: none
"""
    )
    result = run(file, "--junit", str(tmp_path / "results.xml"))
    assert result.exit_code == 1, result.output
    assert "ok    the attacker is named" in result.stdout
    assert f"{tmp_path}/scenarios.yaml:8\n" in result.stdout
    assert ": backdoor-probing, within 3 queries\n        + backdoor-probing, " in result.stdout
    assert "- no other findings of the named tier" in result.stdout
    assert "2 of 3 failed" in result.stdout
    assert NAME not in result.output
    suite = ElementTree.parse(tmp_path / "results.xml").getroot()[0]
    assert (suite.get("tests"), suite.get("failures")) == ("3", "2")
    assert [case.find("failure") is None for case in suite] == [True, False, False]
    assert NAME not in (tmp_path / "results.xml").read_text()


def test_json_has_a_line_for_each_test(run: Run) -> None:
    result = run(HELD, "--json")
    assert result.exit_code == 0, result.output
    [row] = map(json.loads, result.stdout.splitlines())
    assert (row["held"], row["missed"], row["test"]) == (True, [], "the attacker is named")
    assert row["findings"][0]["family"] == "backdoor-probing"


def test_toml_records_that_stand_in_the_file_and_settings(run: Run) -> None:
    """One key refused by name after name of a model: told from a dozen records, without any other traffic."""
    records = "".join(
        f'[[tests.traffic.records]]\nclient = "mallory"\nmodel = "m{at}"\nstatus = 403\ninput = {{text = "hello"}}\n'
        for at in range(8)
    )
    file = (
        '[[tests]]\nname = "keys"\nexpect = [{client = "mallory", family = "access", within = 8}]\n'
        "[tests.settings.engine]\nmodels = 4\n[[tests.traffic]]\nevery = 20\n" + records
    )
    result = run(file, name="scenarios.toml")
    assert result.exit_code == 0, result.output
    slower = run(file.replace("every = 20", "every = 3600"), name="scenarios.toml")
    assert slower.exit_code == 1, slower.output


def test_drills_are_traffic(run: Run) -> None:
    file = f"""
traffic: [{{log: {GOLDEN}/base/digits.ndjson.zst}}]
tests:
  - name: a drill
    traffic: [{{drill: property-inference, client: drill/7}}]
    expect: [{{client: drill/7, family: property-inference, model: digits}}]
"""
    result = run(file)
    assert result.exit_code == 0, result.output


def test_records_that_cannot_be_read_fail_a_test(run: Run) -> None:
    file = """
tests:
  - name: broken
    traffic: [{records: [{client: a, model: m}]}]
    expect: none
"""
    result = run(file)
    assert result.exit_code == 1
    assert "- at most 0 records are rejected\n        + 1 were" in result.stdout
    assert run(file + "    tolerate: {rejected: 1}\n").exit_code == 0


@pytest.mark.parametrize(
    ("content", "what"),
    [
        ("tests: []\n", "tests"),
        ("tests:\n  - name: a\n    expect: nobody\n", "tests.0.expect"),
        ("tests:\n  - name: a\n    expect: [{family: evasoin}]\n", "tests.0.expect.0.family"),
        ("tests:\n  - name: a\n    expect: none\n    traffic: [{}]\n", "give exactly one of log, records and drill"),
        ("tests:\n  - name: a\n    expect: none\n    traffic: [{drill: x}]\n", "tests.0.traffic.0.drill"),
        ("tests:\n  - name: a\n    expect: none\n    trafic: []\n", "did you mean tests.0.traffic?"),
        (
            "tests:\n  - name: a\n    expect: none\n    settings: {engine: {budgte: 1}}\n",
            "engine.budgte is not a setting",
        ),
        ("tests:\n  - name: a\n    expect: none\n    traffic: [{log: no.ndjson}]\n", "there is no such file or folder"),
        ("tests:\n  - name: a\n    expect: none\n    training: {m: no.csv}\n", "no such log of training records"),
        ("tests: [\n", "not YAML"),
    ],
)
def test_what_has_to_be_mended_is_2(run: Run, content: str, what: str) -> None:
    result = run(content)
    assert result.exit_code == 2, result.output
    assert what in result.stderr
    assert "scenarios.yaml" in result.stderr or "no.ndjson" in result.stderr or "no.csv" in result.stderr
    assert "Traceback" not in result.output


def test_a_folder_without_scenarios_and_a_name_that_none_has(run: Run, tmp_path: Path) -> None:
    empty = CliRunner().invoke(root, ["test", str(tmp_path)])
    assert empty.exit_code == 2
    assert "there is no scenario file in the folder" in empty.stderr
    assert run(HELD, "--only", "nothing").exit_code == 2


# --- judging ----------------------------------------------------------------------------------------------------------

NAMES = recorded.KEYS.names
ALICE = text(NAMES.client("alice"))


def test_a_family_a_severity_and_a_number_of_queries_all_have_to_hold() -> None:
    first = finding(client=ALICE, family="evasion", severity="low", queries=60, revision=1)
    found = outcomes([first, finding(client=ALICE, family="evasion", severity="high", queries=60, revision=2)])
    for wanted, holds in (
        ({"family": "evasion", "severity": "high", "within": 60}, True),
        ({"family": "evasion", "severity": "critical"}, False),
        ({"family": "evasion", "within": 59}, False),
        ({"family": "extraction"}, False),
        ({"family": "none"}, False),
        ({"family": "evasion", "members": 2}, False),
    ):
        test = Test(name="t", expect=(Expected(client="alice", **wanted),), tolerate=Tolerance(named=1))
        assert (misses(test, found, NAMES, 0) == []) is holds, wanted


def test_other_findings_fail_unless_they_are_tolerated() -> None:
    found = outcomes([finding(client=ALICE, family="evasion"), finding(finding="bb" * 16, client=text(bytes(16)))])
    wanted = (Expected(client="alice", family="evasion"),)
    assert len(misses(Test(name="t", expect=wanted), found, NAMES, 0)) == 1
    assert misses(Test(name="t", expect=wanted, tolerate=Tolerance(named=1)), found, NAMES, 0) == []


def test_a_campaign_is_found_by_its_members_whatever_its_attack_is_called() -> None:
    members = tuple(sorted(text(NAMES.client(name)) for name in ("alice", "bob", "carol")))
    found = outcomes([finding(client=None, members=members, family="evasion")])
    for family in ("campaign", "evasion"):
        assert misses(Test(name="t", expect=(Expected(client="bob", family=family, members=3),)), found, NAMES, 0) == []
