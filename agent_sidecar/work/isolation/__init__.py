"""The rungs of isolation: a kind of work stands on the one it asked for, or on none."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from agent_sidecar.work.isolation.base import Rung
from agent_sidecar.work.isolation.bwrap import BwrapRung
from agent_sidecar.work.isolation.container import ContainerRung
from agent_sidecar.work.isolation.process import ProcessRung
from agent_sidecar.work.isolation.systemd import SystemdRung
from agent_sidecar.work.work_file import Isolation


def rungs(state: Path, environ: Mapping[str, str], docker: str) -> dict[Isolation, Rung]:
    """Every rung. `state` is a folder of ours, `docker` the path of the engine's socket."""
    return {
        Isolation.CONTAINER: ContainerRung(state, environ, docker),
        Isolation.SYSTEMD: SystemdRung(state, environ),
        Isolation.BWRAP: BwrapRung(state, environ),
        Isolation.PROCESS: ProcessRung(environ),
    }
