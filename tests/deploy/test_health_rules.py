"""Alert rules and dashboard of the daemon's own health: only metrics that it has, judged and played by promtool."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest
import yaml

from monitor.runtime.metrics import Metrics

DEPLOY = Path(__file__).parents[2] / "deploy"
RULES = DEPLOY / "prometheus" / "rules.yml"
PANELS = json.loads((DEPLOY / "grafana" / "probewatch.json").read_text())["panels"]
EXPRESSIONS = [target["expr"] for panel in PANELS for target in panel["targets"]]


def served() -> set[str]:
    """Names of all series that the page can have."""
    metrics = Metrics()
    metrics.count_elsewhere("sink_alerts", "as the daemon does", dict)
    endings = {"counter": ("_total",), "histogram": ("_bucket", "_sum", "_count"), "gauge": ("",)}
    return {f"{family.name}{ending}" for family in metrics.registry.collect() for ending in endings[str(family.type)]}


@pytest.mark.parametrize("file", [RULES, RULES.with_name("rules_test.yml"), DEPLOY / "grafana" / "probewatch.json"])
def test_only_metrics_that_the_daemon_has(file: Path) -> None:
    text = file.read_text()
    expressions = " ".join(EXPRESSIONS) if file.suffix == ".json" else text
    named = set(re.findall(r"\bprobewatch_\w+", expressions))
    assert named, "nothing was found, so nothing was looked at"
    assert named <= served(), f"the daemon has no {sorted(named - served())}"


def test_every_alert_is_played() -> None:
    alerts = {rule["alert"] for group in yaml.safe_load(RULES.read_text())["groups"] for rule in group["rules"]}
    played = yaml.safe_load(RULES.with_name("rules_test.yml").read_text())["tests"]
    silent, speaking = ({case["alertname"] for case in test["alert_rule_test"]} for test in played)
    assert silent == speaking == alerts


@pytest.mark.deployment
def test_rules_speak_where_they_should(call) -> None:  # type: ignore[no-untyped-def]
    checked = call("promtool", "check", "config", RULES.with_name("prometheus.yml"))
    assert checked.returncode == 0, checked.stderr
    played = call("promtool", "test", "rules", "rules_test.yml", cwd=RULES.parent)
    assert played.returncode == 0, played.stdout + played.stderr


@pytest.mark.deployment
def test_promtool_refuses_a_rule_that_is_silent(call, tmp_path: Path) -> None:  # type: ignore[no-untyped-def]
    (tmp_path / "rules.yml").write_text(
        RULES.read_text().replace("probewatch_sink_broken == 1", "probewatch_sink_broken == 2")
    )
    (tmp_path / "rules_test.yml").write_text(RULES.with_name("rules_test.yml").read_text())
    assert call("promtool", "test", "rules", "rules_test.yml", cwd=tmp_path).returncode != 0


@pytest.mark.deployment
def test_the_dashboard_asks_in_promql(call, tmp_path: Path) -> None:  # type: ignore[no-untyped-def]
    rules = [{"record": f"panel:{at}", "expr": expression} for at, expression in enumerate(EXPRESSIONS)]
    (tmp_path / "panels.yml").write_text(yaml.safe_dump({"groups": [{"name": "panels", "rules": rules}]}))
    checked = call("promtool", "check", "rules", tmp_path / "panels.yml")
    assert checked.returncode == 0, checked.stdout + checked.stderr
