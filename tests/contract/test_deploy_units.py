"""systemd units and Kubernetes manifests: judged by systemd itself, and hardened."""

from __future__ import annotations

import re
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

from agent_sidecar.settings import ALL
from fleet import __version__
from fleet.settings import SETTINGS

DEPLOY = Path(__file__).parents[2] / "deploy"
UNITS = sorted((DEPLOY / "systemd").glob("*.service"))
MANIFESTS = sorted((DEPLOY / "kubernetes").glob("*.yaml"))
VARIABLES = {setting.variable for setting in SETTINGS} | {name.variable for name in ALL}
VARIABLES |= {"FLEET_AGENT_ENV", "FLEET_DYNSEC_PLUGIN"}


@pytest.mark.skipif(not shutil.which("systemd-analyze"), reason="systemd is absent")
@pytest.mark.parametrize("path", UNITS, ids=lambda path: path.name)
def test_systemd_has_nothing_to_say_and_finds_little_exposed(path: Path, tmp_path: Path) -> None:
    unit = tmp_path / path.name.replace("@", "@alpha")
    # What it runs is not installed here.
    unit.write_text(path.read_text().replace("/opt/fleet/bin/", "/usr/bin/env "))
    for words in (
        ("verify", "--man=no"),
        ("security", "--offline=true", "--threshold=20"),  # tenths: 2.0 of 10
    ):
        done = subprocess.run(
            ["systemd-analyze", *words, str(unit)],
            capture_output=True, text=True, timeout=30, check=False,
        )  # fmt: skip
        assert (done.returncode, done.stderr) == (0, ""), done.stdout[-300:]


@pytest.mark.parametrize("path", [*UNITS, *MANIFESTS], ids=lambda path: path.name)
def test_a_file_sets_only_what_our_programs_know(path: Path) -> None:
    assert set(re.findall(r"\bFLEET_[A-Z_]+", path.read_text())) <= VARIABLES


def documents() -> Iterator[dict[str, Any]]:
    for path in MANIFESTS:
        yield from yaml.safe_load_all(path.read_text())


PODS = [d for d in documents() if d["kind"] in ("Deployment", "StatefulSet")]


@pytest.mark.parametrize("workload", PODS, ids=lambda workload: workload["metadata"]["name"])
def test_a_pod_has_no_more_rights_than_it_needs(workload: dict[str, Any]) -> None:
    pod = workload["spec"]["template"]["spec"]
    assert pod["automountServiceAccountToken"] is False
    assert pod["securityContext"]["runAsNonRoot"] is True
    assert pod["securityContext"]["runAsUser"] > 0
    assert pod["securityContext"]["seccompProfile"] == {"type": "RuntimeDefault"}
    for container in [*pod["containers"], *pod["initContainers"]]:
        context = container["securityContext"]
        assert context["allowPrivilegeEscalation"] is False
        assert context["readOnlyRootFilesystem"] is True
        assert context["capabilities"] == {"drop": ["ALL"]}
        assert "privileged" not in context
        assert re.search(r":\d", container["image"]), "a pinned version"
    for container in pod["containers"]:
        assert container["resources"]["limits"]["memory"]


@pytest.mark.parametrize("path", MANIFESTS, ids=lambda path: path.name)
def test_kubernetes_itself_would_take_the_manifests(path: Path) -> None:
    """By the schemas that Kubernetes publishes: no field that it does not know, none missing."""
    judge = pytest.importorskip("kubernetes_validate", reason="kubernetes-validate is absent")
    for document in yaml.safe_load_all(path.read_text()):
        for version in ("1.31", judge.latest_version()):
            judge.validate(document, version, strict=True)


def test_the_images_of_the_manifests_are_those_of_this_version_and_of_compose() -> None:
    compose = yaml.safe_load((DEPLOY / "compose.yaml").read_text())["services"].values()
    ours = {service["image"] for service in compose}
    assert {f"fleet-{path.suffix[1:]}:{__version__}" for path in DEPLOY.glob("Dockerfile.*")} < ours
    pods = [workload["spec"]["template"]["spec"] for workload in PODS]
    theirs = {c["image"] for pod in pods for c in [*pod["containers"], *pod["initContainers"]]}
    assert theirs - {"your-agent:1.0.0"} == ours


@pytest.mark.parametrize("workload", PODS, ids=lambda workload: workload["metadata"]["name"])
def test_what_is_mounted_exists_and_labels_meet(workload: dict[str, Any]) -> None:
    spec = workload["spec"]
    pod = spec["template"]["spec"]
    claims = [claim["metadata"]["name"] for claim in spec.get("volumeClaimTemplates", ())]
    volumes = {volume["name"] for volume in pod["volumes"]} | set(claims)
    for container in [*pod["containers"], *pod["initContainers"]]:
        assert {mount["name"] for mount in container["volumeMounts"]} <= volumes
    labels = spec["template"]["metadata"]["labels"]
    assert spec["selector"]["matchLabels"].items() <= labels.items()
    assert spec["replicas"] == 1


def test_the_agent_holds_no_bus_secret_and_shares_the_drop() -> None:
    [workload] = [d for d in PODS if d["metadata"]["name"] == "alpha"]
    pod = workload["spec"]["template"]["spec"]
    agent, sidecar = pod["containers"]
    mounted = {mount["name"] for mount in agent["volumeMounts"]}
    assert mounted == {"drop", "tmp"}
    assert "env" not in agent
    assert {"drop", "state", "secret"} <= {mount["name"] for mount in sidecar["volumeMounts"]}
    # They see each other's processes: of one user, the agent could read what the sidecar has open.
    assert agent["securityContext"]["runAsUser"] != pod["securityContext"]["runAsUser"]
    assert "runAsUser" not in sidecar["securityContext"]


def test_the_broker_does_not_see_the_keys_of_the_ca_and_of_the_hub() -> None:
    [workload] = [d for d in PODS if d["metadata"]["name"] == "hub"]
    containers = {c["name"]: c for c in workload["spec"]["template"]["spec"]["containers"]}
    seen = {mount["subPath"] for mount in containers["broker"]["volumeMounts"]}
    assert seen == {"home/broker", "home/ca/server.pem", "home/ca/server.key"}


def test_nobody_may_connect_to_an_agent() -> None:
    [policy] = [d for d in documents() if d["kind"] == "NetworkPolicy"]
    assert policy["spec"]["policyTypes"] == ["Ingress", "Egress"]
    assert "ingress" not in policy["spec"]
