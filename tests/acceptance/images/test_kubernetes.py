"""`deploy/kubernetes`: each container's command run as given, with the mounts and the user given.

The manifests' own comments are followed: what they call is called.
"""

from __future__ import annotations

import json
import os
import re
import shlex
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.support.compose import NEEDS_COMPOSE, Compose
from tests.support.images import NEEDS_IMAGES, Images, base_image
from tests.support.pods import MANIFESTS, NETWORK, Cluster, Pod
from tests.support.waiting import wait_until

pytestmark = NEEDS_IMAGES


@pytest.fixture(scope="module")
def cluster(built: Images, tmp_path_factory: pytest.TempPathFactory) -> Cluster:
    return Cluster(built, tmp_path_factory.mktemp("cluster"))


@pytest.fixture(scope="module")
def hub(cluster: Cluster) -> Iterator[Pod]:
    pod = cluster.pod("hub").start()
    wait_until(lambda: pod.ready("hub"), 60, "the hub's readiness")
    yield pod
    pod.stop()


@pytest.fixture(scope="module")
def alpha(cluster: Cluster, hub: Pod, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Pod]:
    follow_the_comment(cluster, hub, tmp_path_factory.mktemp("carried"))
    pod = cluster.pod("alpha").start()
    yield pod
    pod.stop()


def follow_the_comment(cluster: Cluster, hub: Pod, here: Path) -> None:
    """Enrol the agent with the calls in agent.yaml: those by exec run as they stand, copying and
    the making of the secret as kubectl does them."""
    text = (MANIFESTS / "agent.yaml").read_text()
    for call in re.findall(r"^#     kubectl -n fleet (.+)$", text, re.MULTILINE):
        words = shlex.split(call.partition(" && ")[0])
        match words:
            case ["exec", "hub-0", "--", *command]:
                done = hub.exec("hub", *command)
                assert done.returncode == 0, done.stdout + done.stderr
            case ["cp", source, target]:
                inside = source.removeprefix("hub-0:")
                cluster.engine.run("cp", f"{hub.container('hub')}:{inside}", str(here / target))
            case ["create", "secret", "generic", name, file]:
                folder = here / file.removeprefix("--from-file=")
                cluster.secrets[name] = {path.name: path.read_bytes() for path in folder.iterdir()}
            case ["apply", "-f", "agent.yaml"]:
                return
            case _:
                raise AssertionError(f"nobody here knows: kubectl {call}")
    raise AssertionError("the comment does not end with apply")


def seen(hub: Pod, agent: str) -> dict[str, Any]:
    """What the hub says of one agent; nothing: it does not know it."""
    answer = hub.exec("hub", "fleet", "status", "-o", "json").stdout
    found = json.loads(answer)["agents"] if answer else []
    return next((row for row in found if row["agent"] == agent), {})


def test_the_hub_makes_its_home_and_answers_by_the_name_of_its_service(
    hub: Pod, built: Images
) -> None:
    [fetch, url] = ["import sys, urllib.request as u; print(u.urlopen(sys.argv[1]).status)",
                    "http://hub.fleet.svc:8088/healthz"]  # fmt: skip
    asked = ("run", "--rm", "--network", NETWORK, base_image(), "python", "-c", fetch, url)
    assert built.run(*asked) == "200"
    shown = hub.exec("broker", "find", "/var/lib/fleet", "-name", "*.key").stdout.split()
    assert shown == ["/var/lib/fleet/home/ca/server.key"], "neither the CA's key nor the hub's"


def test_an_enrolled_agent_is_born_over_tls_and_obeys_signed_commands(hub: Pod, alpha: Pod) -> None:
    wait_until(lambda: seen(hub, "alpha").get("state") == "ok", what="alpha's birth")
    assert seen(hub, "alpha")["checks"]["process"] == "pass"
    env = alpha.exec("sidecar", "cat", "/etc/fleet/agent.env").stdout
    assert "mqtts://" in env
    assert "broker.fleet.svc" in env
    for name in ("FLEET_CA_FILE", "FLEET_COMMAND_KEYS"):
        assert f"{name}=/etc/fleet/" in env
    done = hub.exec("hub", "fleet", "command", "health-check", "alpha")
    assert done.returncode == 0, done.stdout + done.stderr
    assert " done " in done.stdout


def test_an_agent_cannot_reach_its_sidecars_credential_and_speaks_by_the_drop(
    hub: Pod, alpha: Pod
) -> None:
    assert "agent-sidecar" in alpha.exec("agent", "sh", "-c", "cat /proc/*/cmdline").stdout
    peek = "cat /etc/fleet/* /proc/*/root/etc/fleet/* /proc/*/environ 2>/dev/null"
    stolen = alpha.exec("agent", "sh", "-c", peek).stdout
    secret = alpha.exec("sidecar", "cat", "/etc/fleet/secret").stdout.strip()
    assert secret
    assert secret not in stolen
    done = alpha.exec("agent", "bus-publish", "alert", "code=disk-pressure", "severity=warning")
    assert done.returncode == 0, done.stderr
    wait_until(lambda: "disk-pressure" in seen(hub, "alpha")["alerts"], what="the alert")


def test_a_killed_sidecar_is_told_and_the_audit_is_clean(
    hub: Pod, alpha: Pod, built: Images
) -> None:
    wait_until(lambda: seen(hub, "alpha").get("state") == "ok", what="alpha")
    built.run("kill", alpha.container("sidecar"))
    wait_until(lambda: seen(hub, "alpha")["state"] == "offline", what="alpha's last will")
    done = hub.exec("hub", "fleet", "audit", "run")
    assert done.returncode == 0, done.stdout + done.stderr
    assert "clean: no violation" in done.stdout + done.stderr


@NEEDS_COMPOSE
def test_the_compose_file_that_enrolment_writes_runs_beside_the_agents_files(
    hub: Pod, built: Images, tmp_path: Path
) -> None:
    """As docs/how-to/enrol-an-agent.md says: carried over, given to the sidecar's user, started."""
    done = hub.exec("hub", "fleet", "agent", "add", "beta", "--out", "/tmp/beta")
    assert done.returncode == 0, done.stderr
    folder = tmp_path / "beta"
    built.run("cp", f"{hub.container('hub')}:/tmp/beta", str(folder))
    service = yaml.safe_load((folder / "compose.yaml").read_text())["services"]["beta-sidecar"]
    user = int(service["user"].partition(":")[0])
    for path in (folder / "fleet", *(folder / "fleet").iterdir()):
        os.chown(path, user, user)
        assert path.stat().st_mode & 0o077 == 0 or path.is_dir()
    near = folder / "near.yaml"
    near.write_text(f"networks: {{default: {{external: true, name: {NETWORK}}}}}\n")
    project = Compose(built, "beta", folder / "compose.yaml", near)
    try:
        started = project.run("up", "-d")
        assert started.returncode == 0, started.stderr[-2000:]
        wait_until(lambda: seen(hub, "beta").get("seq"), what="beta's birth")
    finally:
        project.run("down", "-v", "-t", "2")


def test_pods_that_are_made_anew_find_what_their_volumes_keep(hub: Pod, alpha: Pod) -> None:
    """Also where Kubernetes has opened every file to the group in between."""
    born = seen(hub, "alpha")["boot"]
    hub.stop()
    alpha.stop()
    hub.start()
    wait_until(lambda: hub.ready("hub"), 60, "the hub's readiness")
    alpha.start()
    wait_until(lambda: seen(hub, "alpha").get("boot", born) != born, 60, "alpha's second birth")
    done = hub.exec("hub", "fleet", "command", "health-check", "alpha")
    assert done.returncode == 0, done.stdout + done.stderr
