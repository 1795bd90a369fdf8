"""The same flow with each agent in a container of its own: nanobot, its sidecar and its workers see
their own home and programs, and neither another agent's files nor its processes."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import ExitStack
from functools import partial
from pathlib import Path
from typing import Final

import pytest

from tests.support.docker import IMAGE, NEEDS_ENGINE, Docker, engine
from tests.support.nanobot import REASON, find_nanobot
from tests.support.nanobot_crew import CREW, ROOT, Member, at_work, carry_out_the_request, path

pytestmark = [
    *NEEDS_ENGINE[:2],
    pytest.mark.skipif(find_nanobot() is None, reason=REASON),
    pytest.mark.timeout(900),
]

NOBODY: Final = 65534
WALLS: Final = (
    *("--network", "host"),  # hub, broker and models are on loopback
    *("--read-only", "--cap-drop", "ALL", "--security-opt", "no-new-privileges"),
    *("--user", f"{NOBODY}:{NOBODY}", "--tmpfs", "/tmp:rw,mode=1777"),
)


@pytest.fixture
def docker() -> Iterator[Docker]:
    with engine() as docker:
        yield docker


def programs() -> list[str]:
    """This machine's programs, read-only: no image with nanobot needs to be had from anywhere."""
    nanobot = Path(str(find_nanobot())).parents[1]
    own = {sys.prefix, sys.base_prefix, str(ROOT), str(nanobot)}
    own.add(str((nanobot / "bin/python").resolve().parents[1]))
    places = {"/usr": "/usr", "/usr/bin": "/bin", "/usr/lib": "/lib", "/etc/ssl": "/etc/ssl"}
    if Path("/usr/lib64").is_dir():
        places["/usr/lib64"] = "/lib64"
    places |= {place: place for place in own if not place.startswith("/usr")}
    return [word for here, there in places.items() for word in ("-v", f"{here}:{there}:ro")]


def start(docker: Docker, member: Member, stack: ExitStack) -> None:
    """In a container, as its first process."""
    stack.enter_context(member.model)
    home, folder = member.home, member.home.parent
    for place in (home, *home.rglob("*")):
        os.chown(place, NOBODY, NOBODY, follow_symlinks=False)
    shared = (word for name in ("ask", "agent-sidecar")
              for word in ("-v", f"{folder / name}:{folder / name}:ro"))  # fmt: skip
    environ = {"HOME": str(home), "PATH": path(), "NO_PROXY": "127.0.0.1", "PYTHONPATH": str(ROOT)}
    variables = (word for name, value in environ.items() for word in ("-e", f"{name}={value}"))
    docker.run(
        *("run", "-d", "--init=false", "--name", home.name, "--hostname", home.name, *WALLS),
        *programs(), *shared, "-v", f"{home}:{home}", *variables, "-w", str(home),
        IMAGE, sys.executable, "-m", "agent_sidecar", "run",
    )  # fmt: skip
    log = stack.enter_context((home / "sidecar.log").open("wb"))
    argv = ["docker", "logs", "-f", home.name]
    follows = subprocess.Popen(argv, stdout=log, stderr=log, env=docker.environ)
    stack.callback(follows.wait, 60)
    stack.callback(docker.run, "stop", "-t", "30", home.name)


def test_the_flow_goes_from_request_to_final_answer_between_containers(
    docker: Docker, tmp_path: Path
) -> None:
    with at_work(tmp_path, partial(start, docker)) as (hub, members):
        carry_out_the_request(hub, members)
        names = [one.name for one in CREW]
        assert sorted(docker.run("ps", "--format", "{{.Names}}").split()) == ["boss", "one", "two"]
        for name in names:
            others = [other for other in names if other != name]
            homes = docker.run("exec", name, "ls", str(tmp_path)).split()
            assert name in homes
            assert not {*others, "home"} & set(homes)
            seen = docker.run("exec", name, "sh", "-c", "cat /proc/[0-9]*/environ | tr '\\0' '\\n'")
            assert f"HOME={members[name].home}" in seen
            assert not any(f"HOME={members[other].home}" in seen for other in others)
