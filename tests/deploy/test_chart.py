"""The chart, rendered by the real Helm: valid for Kubernetes, and the daemon takes the settings that come out of it."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import yaml

from monitor.config.load import load

DEPLOY = Path(__file__).parents[2] / "deploy"
CHART = DEPLOY / "helm" / "probewatch"
KUBERNETES = "1.31.0"
SCALED = ("--set", "autoscaling.enabled=true", "--set", "settings.runtime.bucket.name=state")

pytestmark = pytest.mark.deployment


def rendered(call: Any, *values: str) -> dict[str, dict[str, Any]]:
    done = call("helm", "template", "watch", CHART, "--kube-version", KUBERNETES, *values)
    assert done.returncode == 0, done.stderr
    return {document["kind"]: document for document in yaml.safe_load_all(done.stdout) if document}


def test_helm_finds_nothing_to_blame(call: Any) -> None:
    done = call("helm", "lint", "--strict", CHART)
    assert done.returncode == 0, done.stdout


@pytest.mark.parametrize("values", [(), SCALED], ids=["fixed", "scaled"])
def test_kubernetes_would_take_it(call: Any, values: tuple[str, ...]) -> None:
    validate = pytest.importorskip("kubernetes_validate").validate
    documents = rendered(call, *values)
    wanted = {"StatefulSet", "Service", "ServiceAccount", "ConfigMap", "PodDisruptionBudget", "NetworkPolicy"}
    assert wanted <= documents.keys()
    for kind in wanted:
        validate(documents[kind], KUBERNETES.rpartition(".")[0], strict=True)


def test_the_schemas_refuse_a_field_that_does_not_exist(call: Any) -> None:
    validate = pytest.importorskip("kubernetes_validate")
    wrong = rendered(call)["StatefulSet"]
    wrong["spec"]["template"]["spec"]["containers"][0]["readyProbe"] = {}
    with pytest.raises(validate.ValidationError):
        validate.validate(wrong, KUBERNETES.rpartition(".")[0], strict=True)


def test_the_daemon_takes_its_settings(call: Any, tmp_path: Path) -> None:
    documents = rendered(call)
    container = documents["StatefulSet"]["spec"]["template"]["spec"]["containers"][0]
    (tmp_path / "probewatch.yaml").write_text(documents["ConfigMap"]["data"]["probewatch.yaml"])
    variables = {one["name"]: one.get("value", "watch-probewatch-0") for one in container["env"]}
    del variables["PROBEWATCH_CONFIG"]
    settings = load(tmp_path / "probewatch.yaml", variables).settings
    assert settings.source.kafka is not None
    assert settings.source.kafka.instance == "watch-probewatch-0"
    assert str(settings.health.address) == "0.0.0.0"
    assert settings.health.token is not None
    mounted = {mount["mountPath"] for mount in container["volumeMounts"]}
    assert str(settings.runtime.state) in mounted


def test_nothing_is_written_outside_of_volumes(call: Any) -> None:
    pod = rendered(call)["StatefulSet"]["spec"]["template"]["spec"]
    assert pod["containers"][0]["securityContext"]["readOnlyRootFilesystem"] is True
    assert pod["securityContext"]["runAsNonRoot"] is True


def test_scaling_without_a_bucket_is_refused(call: Any) -> None:
    done = call("helm", "template", "watch", CHART, "--kube-version", KUBERNETES, "--set", "autoscaling.enabled=true")
    assert done.returncode != 0
    assert "settings.runtime.bucket" in done.stderr


def test_it_scales_on_the_lag_of_its_own_group(call: Any) -> None:
    documents = rendered(call, *SCALED)
    assert "replicas" not in documents["StatefulSet"]["spec"]
    trigger = documents["ScaledObject"]["spec"]["triggers"][0]
    assert trigger["type"] == "kafka"
    assert trigger["metadata"] == {
        "bootstrapServers": "kafka:9092",
        "consumerGroup": "probewatch",
        "topic": "model-queries",
        "lagThreshold": "50000",
    }
