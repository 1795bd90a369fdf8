"""`deploy/compose.yaml` as a person runs it: secrets, up, then birth, command, kill and audit."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import pytest

from tests.support import compose
from tests.support.compose import NEEDS_COMPOSE, Compose
from tests.support.images import NEEDS_IMAGES, Images
from tests.support.waiting import wait_until

pytestmark = [*NEEDS_IMAGES, NEEDS_COMPOSE]


CHECK = "{{json .Config.Healthcheck.Test}}"


@pytest.fixture(scope="module")
def project(built: Images, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Compose]:
    with compose.up(built, tmp_path_factory.mktemp("compose")) as project:
        yield project


def agents(project: Compose) -> dict[str, dict[str, Any]]:
    """What the hub says of each agent, by name."""
    answer = project.exec("hub", "fleet", "status", "-o", "json").stdout
    found = json.loads(answer)["agents"] if answer else []
    return {agent["agent"]: agent for agent in found}


def state(project: Compose, agent: str) -> str:
    return str(agents(project).get(agent, {}).get("state", "absent"))


def test_both_agents_are_born_and_what_is_not_watched_is_not_said_to_be_well(
    project: Compose, built: Images
) -> None:
    wait_until(lambda: state(project, "alpha") == "ok", 60, "alpha's birth")
    wait_until(lambda: state(project, "beta") != "absent", 60, "beta's birth")
    seen = agents(project)
    assert seen["alpha"]["checks"]["process"] == "pass"
    assert seen["beta"]["checks"]["process"] == "unknown"
    healthy = "http://127.0.0.1:8088/healthz"
    wait_until(lambda: '"status"' in built.get(healthy), what="the hub's word to its host")


def test_each_sidecar_is_a_user_of_its_own_and_can_write_nothing_but_its_volumes(
    project: Compose,
) -> None:
    users = {
        name: project.exec(name, "id", "-u").stdout.strip()
        for name in ("broker", "hub", "alpha-sidecar", "beta-sidecar", "alpha", "beta")
    }
    assert len(set(users.values())) == len(users)
    assert "0" not in users.values()
    for name in users:
        assert project.exec(name, "touch", "/opt/x", "/etc/x").returncode == 1
        rights = project.exec(name, "sed", "-n", "s/^Cap[EP][a-z]*:[[:space:]]*//p",
                              "/proc/self/status").stdout.split()  # fmt: skip
        assert rights == ["0000000000000000"] * 2, name


def test_an_agent_holds_no_credential_and_speaks_by_the_drop_alone(project: Compose) -> None:
    assert project.exec("alpha", "ls", "/run/secrets").returncode != 0
    assert project.exec("alpha", "ls", "/run/fleet/drop").returncode != 0, "nor reads what waits"
    interfaces = project.exec("alpha", "cat", "/proc/net/dev").stdout.splitlines()[2:]
    assert [line.split(":")[0].strip() for line in interfaces] == ["lo"]
    for name in ("alpha", "beta"):
        alert = ("alert", "code=disk-pressure", "severity=warning", "value=91")
        done = project.exec(name, "bus-publish", *alert)
        assert done.returncode == 0, done.stderr
        wait_until(lambda name=name: "disk-pressure" in agents(project)[name]["alerts"],
                   what=f"the alert of {name}")  # fmt: skip


def test_a_command_is_answered_by_both(project: Compose) -> None:
    done = project.exec("hub", "fleet", "command", "health-check", "--all")
    assert done.returncode == 0, done.stdout + done.stderr
    assert done.stdout.count(" done ") == 2


@pytest.mark.parametrize("service", ["hub", "alpha-sidecar"])
def test_the_image_finds_itself_well_by_its_own_check(
    project: Compose, built: Images, service: str
) -> None:
    container = project.container(service)
    [_, *words] = json.loads(built.run("inspect", "-f", CHECK, container))
    done = project.exec(service, *words)
    assert done.returncode == 0, done.stdout + done.stderr


def test_a_killed_sidecar_and_a_killed_agent_are_told_and_the_audit_is_clean(
    project: Compose, built: Images
) -> None:
    built.run("kill", project.container("beta-sidecar"))
    wait_until(lambda: state(project, "beta") == "offline", what="beta's last will")
    assert state(project, "alpha") == "ok"
    # The agent is process 1 of what its sidecar sees, so the kernel ends both.
    built.run("kill", project.container("alpha"))
    wait_until(lambda: state(project, "alpha") == "offline", what="alpha's last will")
    done = project.exec("hub", "fleet", "audit", "run")
    assert done.returncode == 0, done.stdout + done.stderr
    assert "clean: no violation" in done.stdout + done.stderr
