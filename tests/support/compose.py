"""Compose files of the product, run by the Compose that is there: version 2, or Debian's 1."""

from __future__ import annotations

import shutil
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

import pytest

from tests.support import docker
from tests.support.images import ROOT, Images

AGENTS: Final = """\
x-agent: &agent
  image: your-agent:1.0.0
  network_mode: none
  read_only: true
  cap_drop: [ALL]
services:
  alpha:
    <<: *agent
    user: "20001:20001"
    volumes: ["alpha-drop:/run/fleet"]
  beta:
    <<: *agent
    user: "20002:20002"
    volumes: ["beta-drop:/run/fleet"]
  alpha-sidecar:
    pid: "service:alpha"
    environment: {FLEET_PROCESS: your-agent}
  beta-sidecar:
    environment: {FLEET_DISK: "-"}
"""
"""The agents that a person adds to the file: users of their own, no network, no credential. Alpha's
sidecar sees its process, beta's does not."""


def why_not() -> str:
    """Why there is no Compose; empty: there is one."""
    if _program() or shutil.which("docker-compose", path=docker.PATH):
        return ""
    return "docker-compose is not installed; sh scripts/test.sh --all installs it"


def _program() -> list[str]:
    """Compose as the client's plugin, which is version 2; empty: it has none."""
    words = ["docker", "compose"]
    if shutil.which("docker", path=docker.PATH) is None:
        return []
    done = subprocess.run([*words, "version"], capture_output=True, timeout=30, check=False)
    return words if done.returncode == 0 else []


NEEDS_COMPOSE = pytest.mark.skipif(bool(why_not()), reason=why_not())


class Compose:
    """One project of compose files, the first of which is the product's."""

    def __init__(self, engine: Images, project: str, file: Path, *more: Path) -> None:
        self._engine = engine
        self._project = project
        program = _program()
        if not program:
            # Version 1 knows no name of a project in the file.
            program = ["docker-compose"]
            lines = file.read_text().splitlines(keepends=True)
            file.write_text("".join(line for line in lines if not line.startswith("name:")))
        files = [word for path in (file, *more) for word in ("-f", str(path))]
        self._argv = [*program, "-p", project, *files]

    def run(self, *words: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [*self._argv, *words],
            capture_output=True,
            text=True,
            timeout=120,
            check=False,
            env=self._engine.environ,
        )

    def exec(self, service: str, *words: str) -> subprocess.CompletedProcess[str]:
        return self._engine.ask("exec", self.container(service), *words)

    def container(self, service: str) -> str:
        """The id of a service's container, running or not."""
        labels = {"project": self._project, "service": service}
        wanted = [f"label=com.docker.compose.{key}={value}" for key, value in labels.items()]
        [found] = self._engine.run(
            "ps", "-aq", *(word for label in wanted for word in ("--filter", label))
        ).split()
        return found


@contextmanager
def up(engine: Images, folder: Path) -> Iterator[Compose]:
    """Secrets made and everything started, as the file's comment says: in a copy, so that no
    secret is made in the checkout."""
    deploy = folder / "deploy"
    shutil.copytree(ROOT / "deploy", deploy, ignore=shutil.ignore_patterns("secrets"))
    shutil.copytree(ROOT / "mosquitto", folder / "mosquitto")
    agents = deploy / "agents.yaml"
    agents.write_text(AGENTS)
    project = Compose(engine, "fleet", deploy / "compose.yaml", agents)
    subprocess.run(["sh", deploy / "secrets.sh"], check=True, capture_output=True)
    try:
        done = project.run("up", "-d", "--no-build")
        assert done.returncode == 0, done.stderr[-2000:]
        yield project
    finally:
        project.run("down", "-v", "-t", "2")
