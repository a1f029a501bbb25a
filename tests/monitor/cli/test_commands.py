import json
import re
import subprocess
import sys
import uuid
from collections.abc import Iterator
from datetime import UTC, datetime
from importlib import import_module
from pathlib import Path
from typing import Any

import click
import jsonschema
import pytest
import urllib3
from findings import finding
from installed import Invoke, metadata, run
from probing import write
from services.launch import Server

from monitor.cli.root import COMMANDS
from monitor.config.trouble import Trouble
from monitor.formats.native import encode, parse
from monitor.record.keys import load_keys
from monitor.record.pseudonyms import Pseudonyms, text
from monitor.runtime.audit import append
from monitor.sinks.outbox import Outbox

BUILT = list(COMMANDS)


def commands() -> Iterator[tuple[str, click.Command]]:
    for name in BUILT:
        yield from below(name, import_module(f"monitor.cli.{COMMANDS[name][0]}").command)


def below(name: str, command: click.Command) -> Iterator[tuple[str, click.Command]]:
    yield name, command
    if isinstance(command, click.Group):
        for inner, child in command.commands.items():
            yield from below(f"{name} {inner}", child)


@pytest.mark.parametrize(("name", "command"), [pytest.param(*one, id=one[0]) for one in commands()])
def test_every_command_has_help_with_an_example(name: str, command: click.Command) -> None:
    assert command.help is not None
    example = re.search(r"Example: (.*)", " ".join(command.help.split()))
    assert example is not None, name
    assert f"probewatch {name}" in example[1]


@pytest.mark.parametrize("name", BUILT)
def test_the_overview_says_what_the_command_says(name: str) -> None:
    command = import_module(f"monitor.cli.{COMMANDS[name][0]}").command
    first = " ".join(command.help.split("\n\n")[0].split())
    assert first == COMMANDS[name][1]


def test_the_overview_imports_no_command() -> None:
    code = (
        "import sys; from click.testing import CliRunner; from monitor.cli.root import root;"
        "assert CliRunner().invoke(root, ['--help']).exit_code == 0;"
        "heavy = {'numpy', 'pydantic', 'numba', 'orjson', 'kafka'};"
        "print([name for name in sys.modules if name.split('.')[0] in heavy])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


def test_an_unknown_command(invoke: Invoke) -> None:
    result = invoke("replya")
    assert result.exit_code == 2
    assert "replya" in result.stderr


# --- config -----------------------------------------------------------------------------------------------------------


def test_wrong_settings_are_told_at_once_without_a_traceback(invoke: Invoke, tmp_path: Path) -> None:
    (tmp_path / "p.toml").write_text("[health]\nport = -1\n[log]\nlevle = 'info'\n")
    result = invoke("config", "show", "--config", tmp_path / "p.toml")
    assert result.exit_code == 2
    assert result.stdout == ""
    assert result.stderr.count("what:") == result.stderr.count("where:") == result.stderr.count("mend:") == 2
    assert "Traceback" not in result.stderr


def test_config_show_for_people_and_machines(invoke: Invoke, tmp_path: Path) -> None:
    (tmp_path / "p.toml").write_text("[health]\nport = 0\n[keys]\nsecret = {env = 'A_KEY'}\n")
    people = invoke("config", "show", "--config", tmp_path / "p.toml").stdout
    assert f"health.port = 0  ({tmp_path}/p.toml:2)" in people
    assert "keys.secret = ******** (env A_KEY)" in people
    machines = invoke("config", "show", "--config", tmp_path / "p.toml", "--json").stdout
    rows = {row["setting"]: row for row in map(json.loads, machines.splitlines())}
    assert rows["health.port"]["value"] == 0
    assert rows["engine.budget"]["origin"] == "default"


def test_config_schema_and_page(invoke: Invoke) -> None:
    jsonschema.Draft202012Validator.check_schema(json.loads(invoke("config", "schema").stdout))
    assert invoke("config", "page").stdout.startswith("# Settings\n")


# --- pseudonym --------------------------------------------------------------------------------------------------------


def test_names_become_pseudonyms_and_leave_a_line_in_the_audit_log(invoke: Invoke, tmp_path: Path) -> None:
    audit = tmp_path / "state" / "audit.log"
    result = invoke("pseudonym", "--audit", audit, input="alice\n\nbob\r\n")
    assert result.exit_code == 0, result.output
    keys = load_keys()
    names = Pseudonyms(keys.pseudonyms, keys.epoch)
    assert result.stdout.split() == [text(names.client("alice")), text(names.client("bob"))]
    line = json.loads(audit.read_text())
    assert (line["action"], line["count"], line["key_epoch"]) == ("pseudonym client", 2, "1")
    assert line["user"]
    assert datetime.fromisoformat(line["time"]).tzinfo is not None
    assert "alice" not in audit.read_text()
    other = invoke("pseudonym", "--audit", audit, "--sort", "group", "--json", input="alice\n")
    assert json.loads(other.stdout) == {"pseudonym": text(names.group("alice")), "key_epoch": "1"}
    assert len(audit.read_text().splitlines()) == 2


def test_without_a_line_in_the_audit_log_nothing_is_told(invoke: Invoke, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    result = invoke("pseudonym", "--audit", tmp_path / "file" / "audit.log", input="alice\n")
    assert (result.exit_code, result.stdout) == (2, "")
    assert "the audit log cannot be written" in result.stderr


def test_the_audit_log_is_only_added_to(tmp_path: Path) -> None:
    for count in (1, 2):
        append(tmp_path / "audit.log", datetime(2026, 1, 1, tzinfo=UTC), "test", count, "1")
    assert [json.loads(line)["count"] for line in (tmp_path / "audit.log").read_text().splitlines()] == [1, 2]
    with pytest.raises(Trouble, match="audit log"):
        append(tmp_path, datetime(2026, 1, 1, tzinfo=UTC), "test", 1, "1")


def test_without_a_key_there_are_no_pseudonyms(invoke: Invoke, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.delenv("PROBEWATCH_KEY")
    result = invoke("pseudonym", "--audit", tmp_path / "audit.log", input="alice\n")
    assert result.exit_code == 2
    assert "there is no key" in result.stderr
    assert not (tmp_path / "audit.log").exists()


# --- alerts -----------------------------------------------------------------------------------------------------------

FIRST = finding(finding="aa" * 16, family="extraction", revision=1, status="open", updated_at=1_795_255_200_000_000)
GROWN = finding(finding="aa" * 16, family="extraction", revision=2, updated_at=1_795_255_300_000_000)
OTHER = finding(
    finding="ab" * 16, family="evasion", revision=1, status="open", model="m\x1b[31m", updated_at=1_795_255_400_000_000
)


@pytest.fixture(params=["file", "outbox"])
def alerts(request: pytest.FixtureRequest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Options that name the same three alerts, in a file or in an outbox."""
    if request.param == "file":
        (tmp_path / "a.ndjson").write_bytes(b"".join(encode(one) + b"\n" for one in (GROWN, FIRST, OTHER)))
        return ["--file", str(tmp_path / "a.ndjson")]
    monkeypatch.setenv("PROBEWATCH__RUNTIME__STATE", str(tmp_path))
    outbox = Outbox(tmp_path / "outbox.db", [])
    outbox.accept([FIRST, GROWN, OTHER])
    outbox.close()
    return []


def test_the_list_has_the_latest_revision_of_each(invoke: Invoke, alerts: list[str]) -> None:
    lines = invoke("alerts", "list", *alerts, "--json").stdout.encode().splitlines()
    assert [parse(line) for line in lines] == [OTHER, GROWN]
    people = invoke("alerts", "list", *alerts).stdout
    assert [line.split()[:2] for line in people.splitlines()] == [["ab" * 6, "open"], ["aa" * 6, "updated"]]
    assert "\x1b" not in people


def test_the_list_is_filtered(invoke: Invoke, alerts: list[str]) -> None:
    for option, value in (("--family", "extraction"), ("--status", "updated"), ("--model", FIRST.model)):
        lines = invoke("alerts", "list", *alerts, option, value, "--json").stdout.encode().splitlines()
        assert [parse(line) for line in lines] == [GROWN], option


def test_one_finding_is_shown_with_all_its_revisions(invoke: Invoke, alerts: list[str]) -> None:
    lines = invoke("alerts", "show", "aaaa", *alerts, "--json").stdout.encode().splitlines()
    assert [parse(line) for line in lines] == [FIRST, GROWN]
    people = invoke("alerts", "show", GROWN.id, *alerts).stdout
    assert "revision  2 updated" in people
    assert GROWN.finding in people


@pytest.mark.parametrize(("name", "what"), [("ff", "no finding begins like that"), ("a", "2 findings begin like that")])
def test_a_name_that_fits_none_or_several(invoke: Invoke, alerts: list[str], name: str, what: str) -> None:
    result = invoke("alerts", "show", name, *alerts)
    assert result.exit_code == 2
    assert f"what:  {what}" in result.stderr


def test_an_outbox_that_is_not_there_is_not_made(
    invoke: Invoke, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PROBEWATCH__RUNTIME__STATE", str(tmp_path))
    result = invoke("alerts", "list")
    assert result.exit_code == 2
    assert "what:  there is no outbox" in result.stderr
    assert not (tmp_path / "outbox.db").exists()


def test_a_file_that_holds_something_else(invoke: Invoke, tmp_path: Path) -> None:
    (tmp_path / "a.ndjson").write_bytes(encode(FIRST) + b"\nhunter2\n")
    result = invoke("alerts", "list", "--file", tmp_path / "a.ndjson")
    assert result.exit_code == 2
    assert f"{tmp_path}/a.ndjson:2" in result.stderr
    assert "hunter2" not in result.stderr


# --- detectors, record ------------------------------------------------------------------------------------------------


def test_detectors_are_listed_and_explained(invoke: Invoke) -> None:
    rows = [json.loads(line) for line in invoke("detectors", "list", "--json").stdout.splitlines()]
    assert [row["name"] for row in rows] == ["evasion", "extraction"]
    assert all(row["tests"] and row["reads"] and row["explanation"] for row in rows)
    assert [line.split()[0] for line in invoke("detectors", "list").stdout.splitlines()[::2]] == [
        "evasion",
        "extraction",
    ]
    explained = invoke("detectors", "explain", "evasion").stdout
    assert "Honest look-alikes" in explained
    assert "AML.T0043" in explained


def test_a_detector_that_nobody_knows(invoke: Invoke) -> None:
    near = invoke("detectors", "explain", "evasoin")
    assert near.exit_code == 2
    assert "did you mean evasion?" in near.stderr
    assert "there is evasion, extraction" in invoke("detectors", "explain", "zzz").stderr


def test_a_detector_that_cannot_be_loaded(tmp_path: Path, invoke: Invoke, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.syspath_prepend(str(metadata(tmp_path / "broken", {"broken": "no.such.module:Thing"})))
    result = invoke("detectors", "list")
    assert result.exit_code == 2
    assert "the detector 'broken' can not be loaded" in result.stderr


def test_record_schema_and_page(invoke: Invoke) -> None:
    jsonschema.Draft202012Validator.check_schema(json.loads(invoke("record", "schema").stdout))
    assert invoke("record", "page").stdout.startswith("# The native record")


# --- siem -------------------------------------------------------------------------------------------------------------

ELASTIC = '[sinks.{}]\ntype = "elasticsearch"\nhosts = ["http://127.0.0.1:1"]\n'


def siem_config(tmp_path: Path, *names: str) -> Path:
    (tmp_path / "p.toml").write_text("".join(ELASTIC.format(name) for name in names))
    return tmp_path / "p.toml"


def test_a_dry_run_prints_the_requests_and_sends_nothing(invoke: Invoke, tmp_path: Path) -> None:
    config = siem_config(tmp_path, "soc")
    result = invoke(
        "siem",
        "install",
        "--dry-run",
        "--api-key",
        "--kibana",
        "http://127.0.0.1:1",
        "--space",
        "soc",
        "--config",
        config,
    )
    assert result.exit_code == 0, result.output
    for line in (
        "PUT /_component_template/probewatch.alert@mappings",
        "PUT /_index_template/logs-probewatch.alert",
        "PUT /_security/role/probewatch-writer",
        "PUT /_data_stream/logs-probewatch.alert-default",
        "POST /s/soc/api/saved_objects/_import?overwrite=true",
        "PUT /s/soc/api/dashboards/probewatch-triage.soc",
        "POST /s/soc/api/detection_engine/rules",
        "POST /_security/api_key",
    ):
        assert line in result.stdout.splitlines()


@pytest.mark.parametrize(
    ("server", "has", "lacks"),
    [
        ("elasticsearch-8.19", "data_retention", "/api/dashboards/"),
        ("opensearch-3.8", "flat_object", "/_security/"),
    ],
)
def test_a_dry_run_is_for_the_server_that_is_named(
    invoke: Invoke, tmp_path: Path, server: str, has: str, lacks: str
) -> None:
    config = siem_config(tmp_path, "soc")
    given = ("--dry-run", "--for", server, "--kibana", "http://127.0.0.1:1", "--config", config)
    result = invoke("siem", "install", *given)
    assert has in result.stdout
    assert lacks not in result.stdout
    removed = invoke("siem", "uninstall", *given)
    assert "DELETE /_index_template/logs-probewatch.alert" in removed.stdout
    assert "DELETE /_data_stream/" not in removed.stdout
    assert "DELETE /_data_stream/" in invoke("siem", "uninstall", "--data", *given).stdout


@pytest.mark.parametrize(
    ("names", "options", "what", "mend"),
    [
        ([], [], "0 sinks are of Elasticsearch", "write [sinks.NAME]"),
        (["a", "b"], [], "2 sinks are of Elasticsearch", "give --sink a or b"),
        (["a"], ["--sink", "z"], "no sink of Elasticsearch is called z", "give --sink a"),
        (["a"], ["--yes"], "no answer: NewConnectionError", "check hosts"),
        (["a"], ["--yes", "--user", "me"], "a user without a password", "give --password-file"),
        (["a"], ["--url", "ftp://x"], "hosts.0: Value error, it should be an address", "correct that option"),
        (["a"], ["--dry-run", "--for", "solr-9"], "that names no server", "write elasticsearch-8.19"),
    ],
)
def test_what_siem_install_cannot_do(
    invoke: Invoke, tmp_path: Path, names: list[str], options: list[str], what: str, mend: str
) -> None:
    result = invoke("siem", "install", *options, "--config", siem_config(tmp_path, *names))
    assert result.exit_code == 2
    assert f"what:  {what}" in result.stderr
    assert mend in result.stderr


@pytest.mark.servers
def test_installed_verified_and_removed_by_commands(invoke: Invoke, elasticsearch: Server, tmp_path: Path) -> None:
    name = f"test_{uuid.uuid4().hex[:12]}"
    there = ("--url", elasticsearch.address, "--namespace", name)
    refused = invoke("siem", "install", *there)
    assert refused.exit_code == 2
    assert "nobody is there to be asked" in refused.stderr
    first = [json.loads(line) for line in invoke("siem", "install", *there, "--yes", "--json").stdout.splitlines()]
    assert {"what": "data stream", "path": f"/_data_stream/logs-probewatch.alert-{name}", "result": "created"} in first
    verified = invoke("siem", "verify", *there, "--json")
    assert verified.exit_code == 0, verified.output
    verdicts = {row["check"]: row["verdict"] for row in map(json.loads, verified.stdout.splitlines())}
    assert (verdicts["found by search"], verdicts["aggregations"], verdicts["removed"]) == ("good", "good", "good")
    gone = invoke("siem", "uninstall", *there, "--data", "--yes")
    assert "removed    data stream" in gone.stdout
    stream = f"{elasticsearch.address}/_data_stream/logs-probewatch.alert-{name}"
    assert urllib3.request("GET", stream).status == 404


@pytest.mark.servers
def test_verify_says_by_its_exit_code_what_it_could_not_look_at(
    invoke: Invoke, secured_elasticsearch: Any, tmp_path: Path
) -> None:
    server = secured_elasticsearch("probewatch")
    name = f"test_{uuid.uuid4().hex[:12]}"
    (tmp_path / "password").write_text("probewatch")
    admin = ("--user", "elastic_admin", "--password-file", tmp_path / "password")
    there = ("--url", server.address, "--namespace", name)
    installed = invoke("siem", "install", *there, *admin, "--yes", "--api-key", "--lookup-key")
    assert installed.exit_code == 0, installed.output
    *_, key, lookup = installed.stdout.splitlines()
    for file, secret in (("key", key), ("lookup", lookup)):
        (tmp_path / file).write_text(secret)
    sink = f'[sinks.soc]\ntype = "elasticsearch"\nhosts = ["{server.address}"]\nnamespace = "{name}"\n'
    keyed = f'api_key = {{file = "{tmp_path}/key"}}\n'
    (tmp_path / "p.toml").write_text(sink + keyed)
    given = ("--config", tmp_path / "p.toml")
    assert invoke("siem", "verify", *given).exit_code == 3
    best = invoke("siem", "verify", *given, *admin)
    assert best.exit_code == 0, best.output
    assert "good     privileges: no more than asked" in best.stdout
    (tmp_path / "p.toml").write_text(sink + keyed + f'lookup_key = {{file = "{tmp_path}/lookup"}}\n')
    looked = invoke("siem", "verify", *given)
    assert "good     found by search" in looked.stdout
    (tmp_path / "p.toml").write_text(
        sink + f'basic = {{user = "elastic_admin", password = {{file = "{tmp_path}/password"}}}}\n'
    )
    assert "bad      privileges: too many: all" in invoke("siem", "verify", *given).stdout
    assert invoke("siem", "uninstall", *there, *admin, "--data", "--yes").exit_code == 0
    assert invoke("siem", "verify", *given[:1], tmp_path / "p.toml", "--namespace", "Not.There").exit_code == 1
    for secret in (key, lookup, "probewatch\n"):
        assert secret not in best.stdout + looked.stdout


def test_the_files_for_other_means_are_written_once(invoke: Invoke, tmp_path: Path) -> None:
    written = invoke("siem", "page", tmp_path / "elastic").stdout.splitlines()
    assert str(tmp_path / "elastic/kibana/rule.ndjson") in written
    assert invoke("siem", "page", tmp_path / "elastic").stdout == ""


# --- check ------------------------------------------------------------------------------------------------------------


def checked(invoke: Invoke, config: Path, *options: str | Path) -> tuple[int, dict[str, dict[str, str]]]:
    result = invoke("check", "--config", config, "--json", *options)
    rows = [json.loads(line) for line in result.stdout.splitlines()]
    return result.exit_code, {row["name"]: row for row in rows if "name" in row}


def test_all_is_well(invoke: Invoke, tmp_path: Path) -> None:
    [log] = write(tmp_path, 100, partitions=1)
    (tmp_path / "p.toml").write_text(
        f'[source.files]\npaths = ["{log}"]\n[runtime]\nstate = "{tmp_path}/state"\n'
        f'[sinks.out]\ntype = "file"\npath = "{tmp_path}/out"\n'
    )
    code, rows = checked(invoke, tmp_path / "p.toml")
    assert code == 0
    assert {row["verdict"] for row in rows.values()} == {"good"}
    assert set(rows) == {"settings", "key", "outbox", "snapshots", "detectors", "source", "sink out"}
    assert not (tmp_path / "state").exists()


def test_every_fault_is_told_and_not_only_the_first(
    invoke: Invoke, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("PROBEWATCH_KEY")
    (tmp_path / "file").write_text("")
    (tmp_path / "p.toml").write_text(
        f'[runtime]\nstate = "{tmp_path}/file/state"\n'
        '[source.kafka]\nbrokers = ["127.0.0.1:1"]\ntopics = ["t"]\n'
        + ELASTIC.format("soc")
        + '[sinks.hook]\ntype = "webhook"\nurl = {env = "HOOK_URL"}\nsecrets = [{env = "HOOK_SECRET"}]\n'
    )
    code, rows = checked(invoke, tmp_path / "p.toml", "--offline")
    assert code == 2
    assert rows["key"]["text"] == "there is no key for pseudonyms and sketches"
    assert rows["outbox"]["text"] == f"{tmp_path}/file cannot be written"
    assert rows["source"]["verdict"] == rows["sink soc"]["verdict"] == "good"
    assert rows["sink hook"]["text"] == "the secret is not set"
    monkeypatch.setenv("HOOK_URL", "http://127.0.0.1:1/token-hunter2")
    monkeypatch.setenv("HOOK_SECRET", "whsec_aaaa")
    rows = {row.name: vars_of(row) for row in network_checks(tmp_path / "p.toml")}
    assert rows["sink soc"]["text"] == "no answer: ConnectionError"
    assert rows["sink hook"]["text"] == "the receiver's address is not public"
    with (tmp_path / "p.toml").open("a") as file:
        file.write('networks = ["127.0.0.0/8"]\n')
    rows = {row.name: vars_of(row) for row in network_checks(tmp_path / "p.toml")}
    assert rows["sink hook"]["text"] == "the webhook cannot be reached: ConnectionRefusedError"
    assert "hunter2" not in str(rows)


def network_checks(config: Path) -> list[object]:
    from monitor.config.load import load
    from monitor.runtime.checks import check

    settings = load(config, {}).settings
    without_kafka = settings.model_copy(update={"source": settings.source.model_copy(update={"kafka": None})})
    return list(check(without_kafka, connect=True))


def vars_of(row: object) -> dict[str, str]:
    return {name: getattr(row, name) for name in ("verdict", "text", "where", "mend")}


def test_parameters_that_a_detector_does_not_take_are_told_before_the_start(
    invoke: Invoke, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PROBEWATCH__ENGINE__DETECTORS", '{"evasion": {"attack": 3}}')
    lines = invoke("check", "--offline").stdout.splitlines()
    assert "!!  detectors: the detector evasion has no parameter attack" in lines


def test_nothing_set_is_told_as_well(invoke: Invoke, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PROBEWATCH__RUNTIME__STATE", str(tmp_path))
    result = invoke("check")
    assert result.exit_code == 2
    assert "!!  source: no source is set" in result.stdout
    assert "hm  sinks: none: alerts stay in the outbox" in result.stdout
    assert re.search(r"evasion +blind +sees", result.stdout)


def test_a_sample_says_who_is_blind(invoke: Invoke, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PROBEWATCH__RUNTIME__STATE", str(tmp_path))
    sample = tmp_path / "s.ndjson"
    sample.write_text('{"client": "c", "model": "m", "time": "2026-01-01T00:00:00Z", "input": {"text": "a b c"}}\n' * 3)
    result = invoke("check", "--sample", sample, "--json")
    last = json.loads(result.stdout.splitlines()[-1])
    assert last["blind"] == ["evasion", "extraction"]
    assert (last["model"], last["kind"], last["queries"], last["told"]["confidence"]) == ("m", "text", 3, 0.0)
    people = invoke("check", "--sample", sample).stdout
    assert "confidence in 0% of them: how sure the model was cannot be seen" in people


# --- replay -----------------------------------------------------------------------------------------------------------


def test_replay_writes_alerts_and_a_summary(invoke: Invoke, tmp_path: Path) -> None:
    [log] = write(tmp_path, 4_000, partitions=1)
    with log.open("ab") as file:
        file.write(b"{broken\n")
    result = invoke("replay", log, "--alerts", tmp_path / "alerts.ndjson", "--json")
    assert result.exit_code == 0, result.output
    summary = json.loads(result.stdout)
    found = [parse(line) for line in (tmp_path / "alerts.ndjson").read_bytes().splitlines()]
    assert (summary["records"], summary["queries"], summary["rejected"]) == (4_001, 4_000, {"not-json": 1})
    assert summary["revisions"] == len(found)
    again = invoke("replay", log, "--alerts", "-", "--json")
    assert again.stdout.encode() == (tmp_path / "alerts.ndjson").read_bytes()
    assert json.loads(again.stderr)["records"] == 4_001
    people = invoke("replay", log)
    assert "4,001 records, 4,000 queries" in people.stderr
    assert "rejected: 1 not-json" in people.stderr


def test_replay_reads_standard_input(tmp_path: Path) -> None:
    [log] = write(tmp_path, 500, partitions=1)
    done = run(metadata(tmp_path / "package"), "replay", "-", "--json", PROBEWATCH_KEY="", stdin=log)
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout)["records"] == 500
    assert "a key that everybody knows" in done.stderr


def test_replay_of_nothing(invoke: Invoke, tmp_path: Path) -> None:
    result = invoke("replay", tmp_path / "no.ndjson")
    assert result.exit_code == 2
    assert "there is no such file or folder" in result.stderr
