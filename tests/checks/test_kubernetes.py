"""The check `kubernetes`."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from penstock.checks.kubernetes import KubernetesCheck, KubernetesSection
from penstock.core import data
from penstock.core.finding import CheckRequest, Outcome

RECORDED = Path(__file__).parent / "recorded" / "kubernetes"
CLEAN = (RECORDED / "clean" / "web.yaml").read_text()
Make = Callable[..., CheckRequest]
PLANTED = {
    "host-path",
    "privileged",
    "cluster-admin",
    "image-tag",
    "plain-secret",
    "capabilities",
    "run-as-root",
    "selector",
    "duplicate",
    "no-tls",
    "old-api",
    "secret-in-manifest",
    "one-replica",
    "host",
    "no-disruption-budget",
    "no-limits",
    "no-probe",
    "default-namespace",
    "backend",
    "shape",
}


def run(make: Make, folder: Path, **section: Any) -> Outcome:
    """The outcome over the manifests of a folder."""
    plain = data.dump(KubernetesSection.model_validate({"file": "*.yaml", **section}))
    return KubernetesCheck().run(make(plain, folder=str(folder), environment="production"))


def rules(outcome: Outcome) -> set[str]:
    """The rules that found something."""
    return {finding.condition.rpartition("[")[2][:-1] for finding in outcome.findings}


def test_every_planted_fault_is_found_and_the_clean_twin_has_none(request_for: Make) -> None:
    """All that is planted is found, and nothing in the twin in which it is mended."""
    outcome = run(request_for, RECORDED / "faulty", at_most="none")
    assert ("failed", PLANTED) == (outcome.state, rules(outcome))
    assert "correct-horse" not in outcome.sentence + outcome.evidence[-1].text
    clean = run(request_for, RECORDED / "clean", at_most="none")
    assert ("passed", ()) == (clean.state, clean.findings)


@pytest.mark.parametrize(
    ("old", "new", "rule"),
    [
        ("shop/web:1.4.2", "registry.example:5000/shop/web", "image-tag"),
        ("runAsNonRoot: true, runAsUser: 10001", "fsGroup: 1", "run-as-root"),
        ("replicas: 2", "replicas: 1", "one-replica"),
        ("limits: {cpu: 500m, memory: 256Mi}", "limits: {cpu: 500m}", "no-limits"),
        ("readinessProbe", "startupProbe", "no-probe"),
        ("tls: [{hosts: [shop.example]", "tls: [{hosts: [other.example]", "no-tls"),
        ("kind: PodDisruptionBudget", "kind: Other", "no-disruption-budget"),
        ("targetPort: http", "targetPort: grpc", "backend"),
        ("selector: {app: web}", "selector: {app: wob}", "selector"),
        ("value: info", "value: 'postgres://u:hunter2@db/x'", "plain-secret"),
        ("  replicas: 2\n", "", "one-replica"),
        ("apps/v1\nkind", "extensions/v1beta1\nkind", "old-api"),
        ("image: shop/web:1.4.2", "imag: x", "shape"),
        ("      containers:\n", "      hostPID: true\n      containers:\n", "host"),
        ("namespace: shop}\nspec:\n  selector", "namespace: default}\nspec:\n  selector", "default-namespace"),
    ],
)
def test_one_change_of_the_clean_one_is_found(old: str, new: str, rule: str, request_for: Make, tmp_path: Path) -> None:
    """Any single fault in otherwise clean manifests is found by its rule."""
    assert old in CLEAN
    (tmp_path / "web.yaml").write_text(CLEAN.replace(old, new, 1))
    assert rule in rules(run(request_for, tmp_path))


def test_production_asks_for_more(request_for: Make, tmp_path: Path) -> None:
    """One replica is enough where it is not production, and the section may say what it is."""
    (tmp_path / "web.yaml").write_text(CLEAN.replace("replicas: 2", "replicas: 1"))
    assert "one-replica" not in rules(run(request_for, tmp_path, production=False))
    assert "one-replica" in rules(run(request_for, tmp_path))


@pytest.mark.parametrize("text", ["", "---\n", "a: [", "{{ .Values.x }}", "- 1", "replicas: 3"])
def test_what_is_no_manifest_is_no_pass(text: str, request_for: Make, tmp_path: Path) -> None:
    """A chart that was not rendered, values, or nothing, is errored."""
    assert "errored" == run(request_for, tmp_path).state
    (tmp_path / "web.yaml").write_text(text)
    assert "errored" == run(request_for, tmp_path).state


def test_a_command_makes_the_manifests(request_for: Make, tmp_path: Path) -> None:
    """What a command has just written is judged; a command that fails is no pass, whatever lay there."""
    (tmp_path / "source").write_text(CLEAN)
    made = {"file": "made.yaml", "run": {"sh": "cat source > made.yaml"}}
    assert "passed" == run(request_for, tmp_path, **made).state
    assert "errored" == run(request_for, tmp_path, file="made.yaml", run="true").state
    assert "errored" == run(request_for, tmp_path, file="made.yaml", run={"sh": "cat source > made.yaml; exit 1"}).state


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    text=st.one_of(
        st.binary(max_size=150), st.integers(0, len(CLEAN)).map(lambda at: (CLEAN[:at] + CLEAN[at + 4 :]).encode())
    )
)
def test_any_bytes_have_an_outcome(text: bytes, request_for: Make, tmp_path: Path) -> None:
    """Whatever a file holds, there is an outcome and no exception."""
    (tmp_path / "web.yaml").write_bytes(text)
    assert run(request_for, tmp_path).state in ("passed", "failed", "errored")


_POD = """apiVersion: v1
kind: Pod
metadata: {name: a, namespace: n}
spec:
  securityContext: {runAsNonRoot: true}
  containers:
    - {name: c, image: "a:1", resources: {limits: {cpu: 1, memory: 1Mi}}, MORE}
"""


@pytest.mark.parametrize(
    ("more", "rule"),
    [
        ("args: [--password, Sommer-7-Regen]", "plain-secret"),
        ("securityContext: {seccompProfile: {type: Unconfined}}", "unconfined"),
        ("securityContext: {procMount: Unmasked}", "unconfined"),
        ("securityContext: {windowsOptions: {hostProcess: true}}", "unconfined"),
    ],
)
def test_a_container_that_is_more_than_it_seems(more: str, rule: str, tmp_path: Path, request_for: Make) -> None:
    """A secret as a word of its own, and fences that are taken down."""
    (tmp_path / "pod.yaml").write_text(_POD.replace("MORE", more))
    assert {rule} == rules(run(request_for, tmp_path))


def test_containers_that_come_later_count(tmp_path: Path, request_for: Make) -> None:
    """An ephemeral container is a container."""
    later = '  ephemeralContainers: [{name: e, image: "a:latest", resources: {limits: {cpu: 1, memory: 1Mi}}}]\n'
    (tmp_path / "pod.yaml").write_text(_POD.replace(", MORE", "") + later)
    assert {"image-tag"} == rules(run(request_for, tmp_path))


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("db:\\n  password: Sommer-7-Regen\\n", {"plain-secret"}),
        ("db:\\n  password_policy: min-12\\n  passwordSecret: shop-database\\n", set()),
    ],
)
def test_a_file_of_settings_in_a_config_map(text: str, found: set[str], tmp_path: Path, request_for: Make) -> None:
    """What is set in it is looked at line by line; a name of a secret is none."""
    manifest = f'apiVersion: v1\nkind: ConfigMap\nmetadata: {{name: a, namespace: n}}\ndata: {{app.yaml: "{text}"}}\n'
    (tmp_path / "map.yaml").write_text(manifest)
    assert found == rules(run(request_for, tmp_path))


@pytest.mark.parametrize(
    ("things", "verbs", "wide"), [("secrets", "get", True), ("pods/exec", "create", True), ("pods", "get", False)]
)
def test_a_role_that_reaches_everything(things: str, verbs: str, wide: bool, tmp_path: Path, request_for: Make) -> None:
    """In the whole cluster, reading secrets or running programs in pods is as good as all of it."""
    rule = f"{{apiGroups: [''], resources: [{things}], verbs: [{verbs}]}}"
    role = f"apiVersion: rbac.authorization.k8s.io/v1\nkind: ClusterRole\nmetadata: {{name: a}}\nrules: [{rule}]\n"
    (tmp_path / "role.yaml").write_text(role)
    assert ({"wide-role"} if wide else set()) == rules(run(request_for, tmp_path))
