"""What is under ``deploy/``: held by real validators, and against the code it deploys."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import sys
import tomllib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import jsonschema
import pytest
import yaml

from connectors.kafka.settings import KafkaSettings
from connectors.signals import LABELS, METRICS, OPEN
from orchestrator.settings import load
from tests.support.absent import SERVICE_ABSENT

ROOT = Path(__file__).parents[3]
DEPLOY = ROOT / "deploy"
KUBERNETES = DEPLOY / "kubernetes"
COMPOSE = yaml.safe_load((DEPLOY / "compose.yaml").read_text())
OURS = {name: one for name, one in COMPOSE["services"].items() if one["image"].startswith("${EXPUNGE_IMAGE")}
ALERTS = [
    one for group in yaml.safe_load((DEPLOY / "prometheus/alerts.yaml").read_text())["groups"] for one in group["rules"]
]
DASHBOARD = json.loads((DEPLOY / "grafana/expunge.json").read_text())
BUILT_IN = {"up", "something_else"}
_SUFFIX = re.compile(r"_(bucket|sum|count)$")


def tool(program: str, variable: str = "") -> str:
    """Find a validator, or skip (with ``CI=true``: fail)."""
    found = os.environ.get(variable) or shutil.which(
        program, path=f"{Path(sys.executable).parent}:{os.environ['PATH']}"
    )
    if not found:
        pytest.skip(f"{SERVICE_ABSENT} the program {program}")
    return found


def run(*command: str | Path, where: Path = DEPLOY) -> str:
    done = subprocess.run([str(one) for one in command], cwd=where, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def documents() -> Iterator[dict[str, Any]]:
    for file in sorted(KUBERNETES.glob("*.yaml")):
        if file.name != "kustomization.yaml":
            yield from yaml.safe_load_all(file.read_text())


def pods() -> list[tuple[str, dict[str, Any]]]:
    found = [
        (one["metadata"]["name"], one["spec"]["template"]["spec"])
        for one in documents()
        if "template" in one.get("spec", {})
    ]
    assert {name for name, _ in found} == {"orchestrator", "worker-crm", "migrate"}
    return found


def containers() -> list[tuple[str, dict[str, Any]]]:
    return [
        (f"{name}/{one['name']}", one)
        for name, pod in pods()
        for one in [*pod["containers"], *pod.get("initContainers", [])]
    ]


# --- validators ------------------------------------------------------------------------------------------------------


def test_the_dockerfile_passes_hadolint() -> None:
    run(tool("hadolint"), "--failure-threshold", "info", "Dockerfile")


@pytest.mark.parametrize(
    "file", [one.name for one in sorted(KUBERNETES.glob("*.yaml")) if one.name != "kustomization.yaml"]
)
def test_a_manifest_passes_the_schemas_of_kubernetes(file: str) -> None:
    run(tool("kubernetes-validate"), "--strict", KUBERNETES / file)


def test_the_validator_of_manifests_finds_a_wrong_one(tmp_path: Path) -> None:
    wrong = tmp_path / "wrong.yaml"
    wrong.write_text((KUBERNETES / "orchestrator.yaml").read_text().replace("replicas: 2", "replicas: two"))
    with pytest.raises(AssertionError, match="replicas"):
        run(tool("kubernetes-validate"), "--strict", wrong)


def test_compose_passes_its_schema() -> None:
    checker = tool("check-jsonschema", "EXPUNGE_TEST_COMPOSE_CHECKER")
    run(checker, "--builtin-schema", "vendor.compose-spec", "compose.yaml")


def test_kustomize_builds_what_passes_too(tmp_path: Path) -> None:
    program = os.environ.get("EXPUNGE_TEST_KUSTOMIZE") or shutil.which("kustomize")
    if not program:
        pytest.skip("kustomize is not installed; the manifests it lists are validated one by one")
    built = tmp_path / "built.yaml"
    built.write_text(run(program, "build", KUBERNETES))
    run(tool("kubernetes-validate"), "--strict", built)


def test_the_alerts_do_what_their_tests_say() -> None:
    promtool = tool("promtool")
    run(promtool, "check", "rules", "alerts.yaml", where=DEPLOY / "prometheus")
    run(promtool, "test", "rules", "alerts.test.yaml", where=DEPLOY / "prometheus")


def test_the_dashboard_is_one_grafana_can_read() -> None:
    target = {
        "type": "object",
        "required": ["refId", "expr"],
        "properties": {"expr": {"type": "string", "minLength": 1}},
    }
    position = {"type": "object", "required": ["h", "w", "x", "y"], "additionalProperties": {"type": "integer"}}
    panel = {
        "type": "object",
        "required": ["id", "type", "title", "gridPos", "targets", "datasource", "fieldConfig"],
        "properties": {
            "id": {"type": "integer"},
            "type": {"enum": ["timeseries", "stat", "table", "gauge"]},
            "gridPos": position,
            "datasource": {"const": {"type": "prometheus", "uid": "${datasource}"}},
            "targets": {"type": "array", "minItems": 1, "items": target},
        },
    }
    schema = {
        "type": "object",
        "required": ["uid", "title", "schemaVersion", "panels", "templating", "time"],
        "properties": {
            "schemaVersion": {"type": "integer", "minimum": 39},
            "panels": {"type": "array", "minItems": 1, "items": panel},
        },
    }
    jsonschema.validate(DASHBOARD, schema)
    ids = [one["id"] for one in DASHBOARD["panels"]]
    assert len(set(ids)) == len(ids)


# --- against the code ------------------------------------------------------------------------------------------------


def expressions() -> list[tuple[str, str]]:
    alerts = [(one["alert"], one["expr"]) for one in ALERTS]
    return alerts + [(one["title"], target["expr"]) for one in DASHBOARD["panels"] for target in one["targets"]]


@pytest.mark.parametrize(("name", "expression"), expressions())
def test_an_expression_uses_what_the_code_measures(name: str, expression: str) -> None:
    used = {_SUFFIX.sub("", one) for one in re.findall(r"\bexpunge_\w+", expression)}
    assert used or expression.startswith("up{")
    assert used <= METRICS.keys()
    may = {"instance", "job", "le", *(label for one in used for label in METRICS[one].labels)}  # type: ignore[index]
    for selector in re.findall(r"\{([^}]*)\}", expression):
        for label, value in re.findall(r'(\w+)!?=~?"([^"]*)"', selector):
            assert label in may
            assert label == "job" or value in LABELS[label] or OPEN in LABELS[label]
    for labels in re.findall(r"\bby \(([^)]*)\)", expression):
        assert {one.strip() for one in labels.split(",")} <= may


def test_every_alert_is_tested_and_has_its_section_in_the_runbook() -> None:
    names = [one["alert"] for one in ALERTS]
    sections = re.findall(r"^## (Expunge\w+)$", (DEPLOY / "RUNBOOK.md").read_text(), re.MULTILINE)
    assert sections == names
    assert all(one["annotations"]["runbook"] == f"RUNBOOK.md#{one['alert'].lower()}" for one in ALERTS)
    tests = yaml.safe_load((DEPLOY / "prometheus/alerts.test.yaml").read_text())["tests"]
    asked = [(one["alertname"], bool(one["exp_alerts"])) for test in tests for one in test["alert_rule_test"]]
    assert {name for name, fires in asked if fires} == set(names)
    quiet = next(one for one in tests if one["name"] == "all is well")
    assert {one["alertname"] for one in quiet["alert_rule_test"]} == set(names)


def example(tmp_path: Path) -> Any:
    (tmp_path / "maps").mkdir()
    shutil.copy(KUBERNETES / "config/expunge.toml", tmp_path)
    shutil.copy(KUBERNETES / "config/crm.toml", tmp_path / "maps")
    return load(tmp_path)


def test_the_example_configuration_is_one_the_program_reads(tmp_path: Path) -> None:
    from connectors.datamap import read_toml

    settings = example(tmp_path)
    assert settings.telemetry.port == 9464
    assert [one.system for one in settings.systems] == ["crm"]
    assert read_toml(settings.systems[0].settings.map_file)[0]["record_set"]


def test_every_variable_is_one_the_program_reads(tmp_path: Path) -> None:
    settings = example(tmp_path)
    kafka: KafkaSettings = settings.kafka
    named = {one.settings.options["url_env"] for one in settings.systems}
    known = {
        "EXPUNGE_HOME",
        settings.store_url_env,
        settings.redis.url_env,
        kafka.username_env,
        kafka.password_env,
        *named,
    }
    given = {variable["name"] for _, one in containers() for variable in one.get("env", [])}
    assert given == known
    assert {name for one in OURS.values() for name in one["environment"]} <= known


def commands() -> set[tuple[str, ...]]:
    given = [one["command"] for one in OURS.values()] + [one["args"] for _, one in containers() if "args" in one]
    return {tuple(one[:1] if one[0] == "connect" else one) for one in given}


@pytest.mark.parametrize("words", sorted(commands()), ids=" ".join)
def test_every_command_that_is_deployed_exists(words: tuple[str, ...]) -> None:
    assert f"Usage: expunge {' '.join(words)}" in run(tool("expunge"), *words, "--help")


def test_no_secret_has_a_default_or_stands_in_a_file() -> None:
    text = (DEPLOY / "compose.yaml").read_text()
    for name, modifier in re.findall(r"\$\{(\w+)([^}]*)\}", text):
        if name != "EXPUNGE_IMAGE":
            assert modifier.startswith(":?"), name
    for _, one in containers():
        for variable in one.get("env", []):
            assert variable["name"] == "EXPUNGE_HOME" or "secretKeyRef" in variable["valueFrom"]
    assert not [one for one in documents() if one["kind"] == "Secret"]


@pytest.mark.parametrize(("name", "pod"), pods())
def test_a_pod_runs_as_nobody_and_without_a_token(name: str, pod: dict[str, Any]) -> None:
    assert pod["securityContext"]["runAsNonRoot"] is True
    assert pod["securityContext"]["runAsUser"] >= 10000
    assert pod["securityContext"]["seccompProfile"] == {"type": "RuntimeDefault"}
    assert pod["automountServiceAccountToken"] is False


@pytest.mark.parametrize(("name", "container"), containers())
def test_a_container_is_read_only_and_may_nothing(name: str, container: dict[str, Any]) -> None:
    context = container["securityContext"]
    assert context["readOnlyRootFilesystem"] is True
    assert context["allowPrivilegeEscalation"] is False
    assert context["capabilities"] == {"drop": ["ALL"]}
    assert container["resources"]["limits"]["memory"]


@pytest.mark.parametrize("name", OURS)
def test_a_service_of_compose_is_read_only_and_may_nothing(name: str) -> None:
    one = OURS[name]
    assert one["user"] == "10001:10001"
    assert one["read_only"] is True
    assert one["cap_drop"] == ["ALL"]
    assert one["security_opt"] == ["no-new-privileges:true"]
    assert "healthcheck" in one


def test_compose_publishes_no_port_and_checks_the_health_of_all() -> None:
    for name, one in COMPOSE["services"].items():
        assert "ports" not in one, name
        assert "healthcheck" in one, name
        assert one["profiles"] in (["embedded"], ["full"]), name


def test_the_processes_that_stay_are_probed_and_two_of_each() -> None:
    deployments = [one for one in documents() if one["kind"] == "Deployment"]
    for one in deployments:
        assert one["spec"]["replicas"] >= 2
        main = one["spec"]["template"]["spec"]["containers"][0]
        assert [main[probe]["httpGet"]["path"] for probe in ("startupProbe", "livenessProbe", "readinessProbe")] == [
            "/livez", "/livez", "/readyz",
        ]  # fmt: skip
    budgets = {
        one["spec"]["selector"]["matchLabels"]["app.kubernetes.io/name"]
        for one in documents()
        if one["kind"] == "PodDisruptionBudget"
    }
    assert budgets == {one["metadata"]["name"] for one in deployments}


def test_kustomize_lists_every_file() -> None:
    kustomization = yaml.safe_load((KUBERNETES / "kustomization.yaml").read_text())
    files = {one.name for one in KUBERNETES.glob("*.yaml")} - {"kustomization.yaml"}
    assert set(kustomization["resources"]) == files
    generated = {one for part in kustomization["configMapGenerator"] for one in part["files"]}
    assert generated == {f"config/{one.name}" for one in (KUBERNETES / "config").iterdir()}


def test_the_keys_a_pod_gets_are_readable_by_their_owner_alone() -> None:
    # the program refuses key files that others may read (orchestrator/keys/folder.py)
    for _, pod in pods():
        copying = next(one for one in pod["initContainers"] if one["name"] == "keys")
        assert "chmod 600 /keys/*" in copying["command"][-1]
        mounts = {one["mountPath"]: one["name"] for one in pod["containers"][0]["volumeMounts"]}
        assert mounts["/var/lib/expunge/keys"] == "keys"
        assert "secret-keys" not in mounts.values()


def test_the_image_installs_what_the_project_locks() -> None:
    def pins(file: Path) -> dict[str, str]:
        blocks = re.split(r"\n(?=[a-zA-Z0-9])", file.read_text())
        # without the markers: colorama is needed on Windows here, and by the tests elsewhere
        found = [(one.split("==")[0].lower(), re.sub(r" ; .*? \\\n", " \\\n", one).strip()) for one in blocks]
        return dict(one for one in found if "==" in one[1].split("\n")[0])

    everything, image = pins(ROOT / "requirements.lock"), pins(DEPLOY / "requirements.lock")
    assert image.items() <= everything.items()
    assert not {"pytest", "mypy", "ruff", "testcontainers"} & image.keys()
    wanted = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    extras = wanted["optional-dependencies"]
    for line in [*wanted["dependencies"], *extras["distributed"], *extras["parquet"], *extras["postgres"]]:
        name = re.split(r"[\[<>=]", line)[0].lower()
        assert any(re.split(r"[\[=]", one)[0] == name for one in image), line
