"""What each rung asks for, and that none is taken for another: without its proof, none is had."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

import pytest

from agent_sidecar.work.hub import Claim
from agent_sidecar.work.isolation import container, rungs
from agent_sidecar.work.isolation.base import Attempt
from agent_sidecar.work.isolation.container import ContainerRung
from agent_sidecar.work.isolation.pids_counter import refusals, refusals_file
from agent_sidecar.work.isolation.process import ProcessRung
from agent_sidecar.work.isolation.systemd import SystemdRung
from agent_sidecar.work.task_folder import TaskFolder
from agent_sidecar.work.work_file import Isolation, KindOfWork, parse

CLAIM = Claim("01HZ0000000000000000000001", "job", "01HY0000000000000000000000", 3, 1, 60, 60)


def kind_of(isolation: str, **more: Any) -> KindOfWork:
    table = {"argv": ["/bin/true", "{in}/0", "{task}"], "isolation": isolation, **more}
    return parse({"kinds": {"job": table}}, "f").kinds["job"]


def attempt_of(kind: KindOfWork, path: Path) -> Attempt:
    return Attempt(CLAIM, kind, TaskFolder(path), until=100.0, lease=60.0)


@pytest.fixture
def docker(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A client that says what `answers` beside it holds."""
    folder = tmp_path / "bin"
    folder.mkdir()
    program = folder / "docker"
    program.write_text('#!/bin/sh\n[ "$1" = inspect ] && cat "${0%/*}/answers"\nexit 0\n')
    program.chmod(0o755)
    monkeypatch.setenv("PATH", f"{folder}:{os.environ['PATH']}")
    return folder / "answers"


KEPT = {
    "NetworkMode": "none", "ReadonlyRootfs": True, "PidsLimit": 64,
    "Memory": 512 * 1024**2, "Privileged": False,
}  # fmt: skip


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("NetworkMode", "host"), ("ReadonlyRootfs", False), ("PidsLimit", None), ("Memory", 0),
        ("Privileged", True),
    ],
)  # fmt: skip
def test_an_engine_that_drops_one_wall_of_what_it_was_asked_for_is_not_used(
    tmp_path: Path, docker: Path, field: str, value: object
) -> None:
    kind = kind_of("container", image="busybox:1")
    docker.write_text(json.dumps([{"HostConfig": {**KEPT, field: value}}]))
    rung = ContainerRung(tmp_path / "state", os.environ, "/nowhere")
    assert f"does not keep {field}" in rung.unavailable(kind)
    docker.write_text(json.dumps([{"HostConfig": KEPT}]))
    assert rung.unavailable(kind) == ""


def test_a_container_is_asked_for_every_wall_and_no_value_stands_in_a_command_line(
    tmp_path: Path, docker: Path
) -> None:
    environ = {**os.environ, "MODEL_KEY": "s3cret"}
    kind = kind_of("container", image="busybox:1", environment=["MODEL_KEY"])
    launch = ContainerRung(tmp_path, environ, "/nowhere").launch(attempt_of(kind, tmp_path / "t"))
    line = " ".join(launch.argv)
    for wall in (
        *("--network none", "--read-only", "--cap-drop ALL", "--security-opt no-new-privileges"),
        *("--pids-limit 64", "--memory 536870912", "--pull never", "--tmpfs /tmp:", ",readonly"),
    ):
        assert wall in line
    assert "docker.sock" not in line
    lines = [launch.argv, *launch.ask, *launch.stop]
    assert not any("s3cret" in word for argv in lines for word in argv)
    assert launch.environ["MODEL_KEY"] == "s3cret"
    assert launch.environ["DOCKER_CONFIG"] == str(tmp_path / "engine")
    assert launch.argv[-3:] == ["busybox:1", "/work/in/0", CLAIM.task]
    user = "--user 65534:65534" if os.geteuid() == 0 else f"--user {os.getuid()}:{os.getgid()}"
    assert user in line


def test_a_unit_is_asked_for_every_wall(tmp_path: Path) -> None:
    rung = SystemdRung(tmp_path, {"PATH": os.environ["PATH"]})
    line = " ".join(rung.launch(attempt_of(kind_of("systemd"), tmp_path / "t")).argv)
    for wall in (
        *(
            "DynamicUser=yes",
            "PrivateNetwork=yes",
            "ProtectSystem=strict",
            "ProtectHome=yes",
        ),
        *("NoNewPrivileges=yes", "TasksMax=64", "MemoryMax=536870912", "MemorySwapMax=0"),
    ):
        assert wall in line


@pytest.mark.parametrize("isolation", ["systemd", "container"])
def test_a_rung_that_is_not_here_says_why(tmp_path: Path, isolation: str) -> None:
    environ = {"PATH": os.environ["PATH"], "DOCKER_HOST": f"unix://{tmp_path}/none"}
    more = {"image": "busybox:1"} if isolation == "container" else {}
    kind = kind_of(isolation, **more)
    rung = rungs(tmp_path, environ, "/nowhere")[Isolation(isolation)]
    if isinstance(rung, SystemdRung):
        rung = SystemdRung(tmp_path, environ, manager=tmp_path / "none")
    assert rung.unavailable(kind)


def test_a_worker_of_another_user_needs_root_and_that_user(monkeypatch: pytest.MonkeyPatch) -> None:
    rung = ProcessRung(os.environ)
    monkeypatch.setattr(os, "geteuid", lambda: 0)
    assert "no user" in rung.unavailable(kind_of("process", user="nobody-of-this-name"))
    assert "root is no user" in rung.unavailable(kind_of("process", user="root"))
    assert rung.unavailable(kind_of("process", user="nobody")) == ""
    monkeypatch.setattr(os, "geteuid", lambda: 1000)
    assert "only root" in rung.unavailable(kind_of("process", user="nobody"))


def test_where_the_kernel_counts_refused_processes_is_found_or_not(tmp_path: Path) -> None:
    assert refusals(None) == 0
    assert refusals(tmp_path / "none") == 0
    (tmp_path / "pids.events").write_text("max 3\n")
    assert refusals(tmp_path / "pids.events") == 3
    found = refusals_file(os.getpid())
    assert found is None or found.name == "pids.events"
    assert refusals_file(2**30) is None


def test_podman_is_taken_where_there_is_no_docker(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(container.shutil, "which", lambda n: "/x" if n == "podman" else None)
    asked: list[str] = []
    monkeypatch.setattr(container, "program", lambda name: asked.append(name) or name)
    ContainerRung(tmp_path, {}, "/nowhere").launch(
        attempt_of(kind_of("container", image="busybox:1"), tmp_path / "t")
    )
    assert asked[0] == "podman"
