import os
from pathlib import Path

import pytest

from monitor.config.load import load, show
from monitor.config.trouble import Trouble

SECRET = "hunter2-very-secret"


def write(folder: Path, text: str, name: str = "probewatch.toml") -> Path:
    file = folder / name
    file.write_text(text)
    return file


def errors(file: Path | None, environ: dict[str, str] | None = None) -> list[Trouble]:
    found: list[Trouble] = []
    try:
        load(file, {} if environ is None else environ)
    except* Trouble as group:
        found = [trouble for trouble in group.exceptions if isinstance(trouble, Trouble)]
    return found


# one bad file per message: text, what, where, mend
BAD = {
    "above the range": (
        "[health]\nport = 99999\n",
        "health.port is 99999: it should be less than or equal to 65535",
        ":2: health.port",
        "give a whole number from 0 to 65535, or delete it to get 9464",
    ),
    "not one of the words": (
        "[log]\n\nlevel = 'loud'\n",
        "log.level is loud: it should be 'debug', 'info', 'warning' or 'error'",
        ":3: log.level",
        "give `debug` or `info`",
    ),
    "not a number": (
        "[engine]\nbudget = 'much'\n",
        "engine.budget is much: it should be a valid number",
        ":2: engine.budget",
        "give a number above 0",
    ),
    "misspelt": (
        "[engine]\nbugdet = 2\n",
        "engine.bugdet is not a setting",
        ":2: engine.bugdet",
        "did you mean engine.budget?",
    ),
    "misspelt inside a table of models": (
        "[engine.known.credit]\nsensitive_colums = []\n",
        "engine.known.credit.sensitive_colums is not a setting",
        ":2: engine.known.credit.sensitive_colums",
        "did you mean engine.known.credit.sensitive_columns?",
    ),
    "nothing like it": (
        "[log]\nzzz = 2\n",
        "log.zzz is not a setting",
        ":2: log.zzz",
        "delete it; log has form, level",
    ),
    "a section nobody knows": ("[enigne]\n", "enigne is not a setting", ":1: enigne", "did you mean engine?"),
    "missing": ("[keys]\nepoch = '1'\n", "keys.secret is missing", ":1: keys.secret", "add it: The key, at least 32"),
    "an inline secret": (
        f"[keys]\nsecret = '{SECRET}'\n",
        "keys.secret: a secret stands in a file or in the environment",
        ":2: keys.secret",
        'give {file = "/path"} or {env = "NAME"}',
    ),
    "two places for a secret": (
        "[keys]\nsecret = {file = '/a', env = 'B'}\n",
        "keys.secret: give one of",
        ":2: keys.secret",
        'give {file = "/path"} or {env = "NAME"}',
    ),
    "a secret in the name of the variable": (
        f"[keys]\nsecret = {{env = '{SECRET}!'}}\n",
        "keys.secret.env: the name of an environment variable has letters",
        ":2: keys.secret.env",
        "Name of the environment variable",
    ),
    "a value where a section belongs": ("log = 3\n", "log is 3: it should be", ":1: log", "The log of the daemon"),
    "two sources": (
        "[source.files]\npaths = ['-']\n[source.kafka]\nbrokers = ['a:1']\ntopics = ['t']\n",
        "source: give one of source.kafka and source.files",
        ":1: source",
        "Where the query logs come from",
    ),
    "a sink of no kind": (
        "[sinks.soc]\nhosts = []\n",
        "sinks.soc.type is missing",
        ":1: sinks.soc",
        "add type: `elasticsearch` or `opensearch` or `splunk`",
    ),
    "a sink of an unknown kind": (
        "[sinks.soc]\ntype = 'pigeon'\n",
        "sinks.soc.type is pigeon, which is no kind",
        ":1: sinks.soc",
        "'elasticsearch', 'opensearch'",
    ),
    "a setting of that kind of sink": (
        "[sinks.soc]\ntype = 'webhook'\nurl = {env = 'A'}\nsecrets = [{env = 'A'}]\ntimeout_s = 999\n",
        "sinks.soc.timeout_s is 999: it should be less than or equal to 120",
        ":5: sinks.soc.timeout_s",
        "or delete it to get 15.0",
    ),
    "an inline secret in a list": (
        f"[sinks.soc]\ntype = 'webhook'\nurl = {{env = 'A'}}\nsecrets = ['{SECRET}']\n",
        "sinks.soc.secrets.0: a secret stands in a file or in the environment",
        ":4: sinks.soc.secrets.0",
        "Where a secret is kept",
    ),
    "a password in an address": (
        f"[sinks.soc]\ntype = 'elasticsearch'\nhosts = ['https://u:{SECRET}@host']\n",
        "sinks.soc.hosts.0: user and password do not belong into an address",
        ":3: sinks.soc.hosts.0",
        "Addresses of the nodes",
    ),
    "broken TOML": ("[log\n", "not TOML: ", "probewatch.toml", "mend that line"),
}


@pytest.mark.parametrize("name", BAD)
def test_each_error_says_what_where_and_how_to_mend_it(name: str, tmp_path: Path) -> None:
    text, what, where, mend = BAD[name]
    [trouble] = errors(write(tmp_path, text))
    assert trouble.what.startswith(what)
    assert where in trouble.where
    assert mend in trouble.mend
    assert SECRET not in str(trouble)


def test_all_errors_come_at_once_and_each_with_its_line(tmp_path: Path) -> None:
    found = errors(write(tmp_path, "[log]\nlevel = 'loud'\n[health]\nport = -1\n[engine]\nbudget = 0\n"))
    assert sorted(trouble.where.split(":")[-2] for trouble in found) == ["2", "4", "6"]


YAML_BAD = {
    "broken": ("log: [1\n", "not YAML: ", "probewatch.yaml:2"),
    "twice": (
        "log:\n  level: info\nlog:\n  level: debug\n",
        "log is given twice, first on line 1",
        "probewatch.yaml:3",
    ),
    "no mapping": ("- 1\n", "the settings are not a mapping", "probewatch.yaml"),
    "wrong": ("log:\n  level: loud\n", "log.level is loud", "probewatch.yaml:2: log.level"),
    "broken near a secret": (f"keys: {{secret: '{SECRET}\n", "not YAML: ", "probewatch.yaml"),
}


@pytest.mark.parametrize("name", YAML_BAD)
def test_errors_in_yaml(name: str, tmp_path: Path) -> None:
    text, what, where = YAML_BAD[name]
    [trouble] = errors(write(tmp_path, text, "probewatch.yaml"))
    assert trouble.what.startswith(what)
    assert where in trouble.where
    assert SECRET not in str(trouble)


def test_a_file_that_is_neither(tmp_path: Path) -> None:
    [trouble] = errors(write(tmp_path, "", "probewatch.ini"))
    assert (trouble.what, trouble.mend) == ("neither TOML nor YAML", "name the file *.toml, *.yaml or *.yml")


def test_a_file_that_is_not_there(tmp_path: Path) -> None:
    [trouble] = errors(tmp_path / "no.toml")
    assert trouble.what == "the settings cannot be read: No such file or directory"


def test_a_file_that_is_not_text(tmp_path: Path) -> None:
    (tmp_path / "a.toml").write_bytes(b"\xff\xfe")
    [trouble] = errors(tmp_path / "a.toml")
    assert trouble.what == "the settings cannot be read: it is not UTF-8"


def test_the_environment_overrides_the_file(tmp_path: Path) -> None:
    file = write(tmp_path, "[log]\nlevel = 'info'\n[health]\nport = 1\n")
    both = load(file, {"PROBEWATCH__HEALTH__PORT": "7", "PROBEWATCH__ENGINE__TENANT": "x", "OTHER": "y"})
    assert (both.settings.health.port, both.settings.log.level, both.settings.engine.tenant) == (7, "info", "x")
    assert both.origins.of(("health", "port")) == "PROBEWATCH__HEALTH__PORT"
    assert both.origins.of(("log", "level")) == f"{file}:2"
    assert both.origins.of(("engine", "budget")) == "default"


def test_a_section_sets_nothing_but_what_stands_in_it(tmp_path: Path) -> None:
    both = load(write(tmp_path, "[engine.known.m]\nsensitive_columns = ['race']\n"), {"PROBEWATCH__LOG": "{}"})
    origins = {one.path: one.origin for one in show(both)}
    assert origins["engine", "budget"] == origins["log", "level"] == "default"
    assert origins["engine", "known", "m", "sensitive_columns"].endswith(":2")


def test_lists_and_tables_come_as_json_from_the_environment() -> None:
    variables = {"PROBEWATCH__ENGINE__KNOWN": '{"Credit v2": {"sensitive_columns": ["race"]}}'}
    assert load(None, variables).settings.engine.known["Credit v2"].sensitive_columns == ("race",)


@pytest.mark.parametrize(
    ("name", "value", "what"),
    [
        ("PROBEWATCH__HEALTH__PORTT", "1", "health.portt is not a setting"),
        ("PROBEWATCH__ENGINE__KNOWN", f"[{SECRET}", "begins like JSON and is not JSON"),
        ("PROBEWATCH__KEYS__SECRET", SECRET, "keys.secret: a secret stands in a file"),
    ],
)
def test_errors_in_the_environment_name_the_variable(name: str, value: str, what: str) -> None:
    [trouble] = errors(None, {name: value})
    assert trouble.what.startswith(what)
    assert name in trouble.where
    assert SECRET not in str(trouble)


def test_a_variable_that_leads_through_a_value(tmp_path: Path) -> None:
    [trouble] = errors(write(tmp_path, "log = 3\n"), {"PROBEWATCH__LOG__LEVEL": "info"})
    assert trouble.what == "log is not a section, and the variable names something inside it"


def test_yaml_and_toml_say_the_same(tmp_path: Path) -> None:
    toml = write(tmp_path, "[engine.known.credit]\nsensitive_columns = ['race']\n[log]\nlevel = 'debug'\n")
    yaml = write(
        tmp_path, "engine: {known: {credit: {sensitive_columns: [race]}}}\nlog:\n  level: debug\n", "probewatch.yml"
    )
    assert load(toml, {}).settings == load(yaml, {}).settings


def test_secrets_are_shown_as_stars_and_read_where_they_are_kept(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "key").write_text(SECRET + "\n")
    found = load(write(tmp_path, f"[keys]\nsecret = {{file = '{tmp_path}/key'}}\n"), {})
    [shown] = [row for row in show(found) if row.path == ("keys", "secret")]
    assert shown.value == f"******** (file {tmp_path}/key)"
    assert SECRET not in repr(found)
    assert found.settings.keys is not None
    assert found.settings.keys.secret.read() == SECRET.encode()


def test_every_setting_is_shown_with_its_meaning() -> None:
    for row in show(load(None, {"PROBEWATCH__ENGINE__KNOWN": '{"credit": {}}'})):
        assert row.meaning, row.path


def test_the_hash_follows_what_changes_findings_and_nothing_else() -> None:
    plain = load(None, {}).settings.config_hash()
    assert load(None, {"PROBEWATCH__LOG__LEVEL": "debug"}).settings.config_hash() == plain
    assert load(None, {"PROBEWATCH__ENGINE__BUDGET": "2"}).settings.config_hash() != plain


def test_our_own_environment_loads() -> None:
    load(None, {name: value for name, value in os.environ.items() if not name.startswith("PROBEWATCH__")})


@pytest.mark.parametrize(
    ("name", "text", "what"),
    [
        ("a.toml", "a = " + "[" * 5_000, "nested too deeply"),
        ("a.yaml", "a: " + "[" * 5_000 + "]" * 5_000, "nested too deeply"),
        ("a.yaml", "a: 2026-77-99\n", "not YAML"),
        ("a.yaml", "a: &a [x, x]\nb: &b [*a, *a]\nc: [*b, *b]\n", r"an alias \(\*name\) is not read here"),
        ("a.yaml", "a: &a [*a]\n", r"an alias \(\*name\) is not read here"),
    ],
)
def test_a_file_that_is_made_to_break_its_reader_is_refused(tmp_path: Path, name: str, text: str, what: str) -> None:
    with pytest.raises(Trouble, match=what):
        load(write(tmp_path, text, name), {})
