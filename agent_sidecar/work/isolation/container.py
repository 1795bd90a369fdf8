"""A container of Docker or Podman for one attempt, by the engine's own client; removed afterwards.

Images are never pulled: what runs here is what somebody put here. The client is given an empty
configuration, since a person's may add proxies, with their passwords, to every container.
"""

from __future__ import annotations

import hashlib
import json
import os
import shutil
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

from agent_sidecar.work.isolation.base import (
    NOBODY,
    Attempt,
    Proofs,
    environ_of,
    is_root,
    places,
    program,
    proof_folder,
    said,
)
from agent_sidecar.work.isolation.pids_counter import refusals, refusals_file
from agent_sidecar.work.isolation.size_limit import is_limited, limit_size, unlimit
from agent_sidecar.work.launch import End, Launch
from agent_sidecar.work.task_folder import TaskFolder
from agent_sidecar.work.work_file import KindOfWork, filled
from fleet.contract import trusted_path
from fleet.contract.work_vocabulary import TaskReason

LABEL: Final = "fleet.work"
"""On every container of ours, with who started it: for the next sidecar, and for people."""

_PATH: Final = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"
_TMP: Final = "/tmp:rw,nosuid,nodev,noexec,size=64m,nr_inodes=4096"  # noqa: S108 - the container's own
_OURS: Final = ("PATH", "HOME", "DOCKER_HOST", "CONTAINER_HOST", "XDG_RUNTIME_DIR", "TMPDIR")


class ContainerRung:
    """Workers in containers."""

    def __init__(self, state: Path, environ: Mapping[str, str], docker: str) -> None:
        self._state = state
        self._environ = environ
        self._socket = docker
        self._proofs = Proofs()
        self._counters: dict[str, Path | None] = {}

    def unavailable(self, kind: KindOfWork) -> str:
        question = (kind.image, kind.limits.memory, kind.limits.pids)
        return self._proofs.of(question, lambda: self._prove(kind))

    def _prove(self, kind: KindOfWork) -> str:
        try:
            engine = self._engine()
        except OSError as error:
            return error.strerror or "no engine"
        _, why = said([engine, "version"], self._client())
        if why:
            return f"the engine does not answer: {why}"
        _, why = said([engine, "image", "inspect", kind.image], self._client())
        if why:
            return f"the image {kind.image} is not here, and none is pulled: {why}"
        try:
            with proof_folder(self._state) as folder:
                return self._proof(engine, kind, folder)
        except OSError as error:
            return f"no proof can be made: {error.strerror}"

    def _proof(self, engine: str, kind: KindOfWork, folder: TaskFolder) -> str:
        """Why the engine does not keep what it is asked for; empty: a container, made and not
        started, has every wall. A kernel without a limit has the engine drop it with a warning."""
        name = f"fleet-{folder.path.name}"
        _, why = said(
            [engine, "create", *self._walls(name, folder, kind), kind.image, "x"], self._client()
        )
        if why:
            return f"no container can be made: {why}"
        told, why = said([engine, "inspect", name], self._client())
        said([engine, "rm", "-f", name], self._client())
        try:
            made: dict[str, Any] = json.loads(told)[0]["HostConfig"]
        except (ValueError, LookupError, TypeError):
            return why or "the engine does not say what it made"
        wanted = {
            "NetworkMode": "none",
            "ReadonlyRootfs": True,
            "PidsLimit": kind.limits.pids,
            "Memory": kind.limits.memory,
            "Privileged": False,
        }
        for field, value in wanted.items():
            if made.get(field) != value:
                return f"the engine does not keep {field}: {made.get(field)!r}, not {value!r}"
        return ""

    def prepare(self, attempt: Attempt) -> None:
        folder = attempt.folder
        folder.make_out(None)
        if is_root():
            limit_size(folder.out, attempt.kind.limits.output, NOBODY)
            folder.make_out((NOBODY, NOBODY))

    def launch(self, attempt: Attempt) -> Launch:
        kind, where = attempt.kind, places()
        engine, name = self._engine(), f"fleet-work-{attempt.name}"
        environ = environ_of(attempt, self._environ, where, "/tmp", _PATH)  # noqa: S108 - its own
        argv = filled(kind.argv, {**where, "task": attempt.claim.task})
        walls = self._walls(name, attempt.folder, kind)
        # A variable's value stands in the environment of the client, and in no command line.
        names = [word for name_ in environ if name_ != "PATH" for word in ("--env", name_)]
        client = self._client()
        return Launch(
            argv=[engine, "run", "--pull", "never", *walls, *names, "--entrypoint", argv[0],
                  kind.image, *argv[1:]],
            environ={**environ, **client, "HOME": environ["HOME"]},
            cwd="/",
            out=str(attempt.folder.out),
            limits=kind.limits,
            until=attempt.until,
            lease=attempt.lease,
            watched=False,
            ask=[self._as_client([engine, "inspect", "--format", "{{.State.OOMKilled}}", name])],
            stop=[self._as_client([engine, "rm", "--force", "--volumes", name])],
        )  # fmt: skip

    def overrun(self, attempt: Attempt) -> str:
        name = attempt.name
        if name not in self._counters:
            pid, _ = said(
                [self._engine(), "inspect", "--format", "{{.State.Pid}}", f"fleet-work-{name}"],
                self._client(),
            )
            if not pid.strip().isdigit() or int(pid) == 0:  # it is not there yet, or no more
                return ""
            self._counters[name] = refusals_file(int(pid))
        refused = refusals(self._counters[name])
        return TaskReason.TOO_MANY_PROCESSES if refused else ""

    def reason(self, end: End) -> str:
        return TaskReason.OUT_OF_MEMORY if end.asked[:1] == ["true"] else ""

    def release(self, folder: TaskFolder) -> None:
        self._counters.pop(folder.path.name, None)
        if is_limited(folder.out):
            unlimit(folder.out)

    def sweep(self) -> int:
        try:
            engine = self._engine()
        except OSError:
            return 0
        told, _ = said(
            [engine, "ps", "-aq", "--filter", f"label={LABEL}={self._owner}"], self._client()
        )
        names = told.split()
        if names:
            said([engine, "rm", "--force", "--volumes", *names], self._client())
        return len(names)

    @property
    def _owner(self) -> str:
        """Tells our containers from those of another sidecar on the same engine."""
        return hashlib.sha256(str(self._state.resolve()).encode()).hexdigest()[:16]

    def _engine(self) -> str:
        name = next((n for n in ("docker", "podman") if shutil.which(n)), "docker")
        return program(name)

    def _client(self) -> dict[str, str]:
        """The whole environment of the engine's client."""
        configuration = self._state / "engine"
        trusted_path.make_folder(configuration)
        ours = {name: self._environ[name] for name in _OURS if name in self._environ}
        host = {} if "DOCKER_HOST" in ours else {"DOCKER_HOST": f"unix://{self._socket}"}
        return {**ours, **host, "DOCKER_CONFIG": str(configuration)}

    def _as_client(self, argv: list[str]) -> list[str]:
        """A command that the supervisor runs: it has our environment, and not the client's."""
        return [program("env"), "-i", *(f"{k}={v}" for k, v in self._client().items()), *argv]

    def _walls(self, name: str, folder: TaskFolder, kind: KindOfWork) -> list[str]:
        limits = kind.limits
        user = f"{NOBODY}:{NOBODY}" if is_root() else _own_user()
        return [
            *("--name", name, "--label", f"{LABEL}={self._owner}", "--hostname", "worker"),
            *("--network", "none", "--read-only", "--cap-drop", "ALL"),
            *("--security-opt", "no-new-privileges", "--ipc", "private", "--restart", "no"),
            *("--pids-limit", str(limits.pids)),
            *("--memory", str(limits.memory), "--memory-swap", str(limits.memory)),
            *("--user", user, "--tmpfs", _TMP, "--log-driver", "none", "--workdir", "/work"),
            *("--ulimit", "core=0", "--ulimit", f"fsize={limits.output}"),
            *("--ulimit", "nofile=1024", "--ulimit", f"cpu={limits.cpu or int(limits.timeout)}"),
            *("--mount", _bind(folder.input, "/work/in", ",readonly")),
            *("--mount", _bind(folder.board, "/work/blackboard", ",readonly")),
            *("--mount", _bind(folder.out, "/work/out", "")),
        ]


def _bind(source: Path, target: str, options: str) -> str:
    return f"type=bind,source={source},target={target}{options}"


def _own_user() -> str:
    return f"{os.getuid()}:{os.getgid()}"
