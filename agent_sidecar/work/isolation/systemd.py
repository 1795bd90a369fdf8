"""A transient unit of systemd: a user of its own, no network, the file system read-only or absent.

Only the system's manager, and so root, can do all of it; a user's manager takes the same words and
leaves half of them out, so it is not asked.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import Path
from typing import Final

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
from agent_sidecar.work.isolation.size_limit import is_limited, limit_size, unlimit
from agent_sidecar.work.launch import End, Launch
from agent_sidecar.work.task_folder import TaskFolder
from agent_sidecar.work.work_file import KindOfWork, filled
from fleet.contract import trusted_path
from fleet.contract.work_vocabulary import TaskReason

_TOP: Final = "/mnt"
"""Where a worker finds its files: a folder that every machine has, since units make none."""

_PATH: Final = "/usr/local/bin:/usr/bin:/bin"
_MANAGER: Final = Path("/run/systemd/system")
_SEEN: Final = frozenset(
    {
        *("bin", "dev", "etc", "home", "lib", "lib32", "lib64", "libx32", "mnt", "proc", "root"),
        *("run", "sbin", "sys", "tmp", "usr", "var"),
    }
)
"""What of `/` a worker sees: programs and /etc as they are, the kernel's own, and empty folders.
All else is closed. An empty root instead is what `DynamicUser` does not let systemd have."""

_PLAIN: Final = re.compile(r"[A-Za-z0-9._+-]+")
_LOOK: Final = (
    "cat /proc/net/dev; echo; ls -A /home /root /var/lib /run/systemd/private 2>/dev/null"
    " | grep -v : ; cat {canary} 2>/dev/null;"
    ' for p in /* /.[!.]*; do case " {seen} " in *" $p "*) ;; *) [ -r "$p" ] && echo "$p"; esac;'
    " done; echo in > /mnt/out/x"
)
_REASONS: Final = {
    "oom-kill": TaskReason.OUT_OF_MEMORY,
    "timeout": TaskReason.WORKER_TIMEOUT,
    "signal": TaskReason.WORKER_SIGNAL,
    "core-dump": TaskReason.WORKER_SIGNAL,
}
"""What `Result` of a unit says, where we have a word for it."""


class SystemdRung:
    """Workers in units."""

    def __init__(self, state: Path, environ: Mapping[str, str], manager: Path = _MANAGER) -> None:
        self._state = state
        self._environ = environ
        self._manager = manager
        self._proofs = Proofs()

    def unavailable(self, kind: KindOfWork) -> str:
        return self._proofs.of(kind.read_only, lambda: self._prove(kind))

    def _prove(self, kind: KindOfWork) -> str:
        if not self._manager.is_dir():
            return "systemd does not run this machine"
        if not is_root():
            return "only root can have systemd take the network away"
        try:
            run = program("systemd-run")
            program("systemctl")
        except OSError as error:
            return error.strerror or "no systemd-run"
        try:
            with proof_folder(self._state) as folder:
                return self._proof(run, kind, folder)
        except OSError as error:
            return f"no proof can be made: {error.strerror}"

    def _proof(self, run: str, kind: KindOfWork, folder: TaskFolder) -> str:
        """Why the walls do not hold; empty: seen from within, they do."""
        folder.open_out()
        canary = folder.path / "canary"
        trusted_path.write_text(canary, "canary\n")
        unit = f"fleet-{folder.path.name}"
        look = ["/bin/sh", "-c", _LOOK.format(canary=canary, seen=" ".join(f"/{n}" for n in _SEEN))]
        told, why = said([run, *_walls(unit, folder, kind), "--collect", "--", *look])
        if why:
            return f"systemd-run fails here: {why}"
        net, _, seen = told.partition("\n\n")
        links = [line.split(":")[0].strip() for line in net.splitlines()[2:]]
        if links != ["lo"]:
            return "a worker would have the network: " + " ".join(links)
        if seen.strip():
            return "a worker would see files of this machine: " + " ".join(seen.split())[:200]
        return "" if (folder.out / "x").is_file() else "what a worker writes does not arrive"

    def prepare(self, attempt: Attempt) -> None:
        folder = attempt.folder
        folder.make_out(None)
        limit_size(folder.out, attempt.kind.limits.output, NOBODY)
        folder.make_out(None)
        folder.open_out()  # nobody knows beforehand which user a unit gets; none else comes here

    def launch(self, attempt: Attempt) -> Launch:
        kind, where = attempt.kind, places(top=_TOP)
        unit = f"fleet-work-{attempt.name}.service"
        environ = environ_of(attempt, self._environ, where, "/tmp", _PATH)  # noqa: S108 - its own
        # By name alone: the manager takes the value from the client's environment, argv has none.
        names = [f"--setenv={name}" for name in environ]
        argv = filled(kind.argv, {**where, "task": attempt.claim.task})
        control = program("systemctl")
        return Launch(
            argv=[program("systemd-run"), *_walls(unit, attempt.folder, kind), *names, "--", *argv],
            environ=environ,
            cwd="/",
            out=str(attempt.folder.out),
            limits=kind.limits,
            until=attempt.until,
            lease=attempt.lease,
            watched=False,
            ask=[[control, "show", "--property=Result,ExecMainStatus", unit]],
            stop=[
                [control, "kill", "--signal=KILL", "--kill-whom=all", unit],
                [control, "stop", unit],
                [control, "reset-failed", unit],
            ],
        )

    def overrun(self, _attempt: Attempt) -> str:
        return ""

    def reason(self, end: End) -> str:
        told = dict(line.split("=", 1) for line in "".join(end.asked).splitlines() if "=" in line)
        result = told.get("Result", "")
        if result == "signal" and told.get("ExecMainStatus") == "9":
            return TaskReason.OUT_OF_MEMORY  # control groups of version 1 say no more than that
        return _REASONS.get(result, "")

    def release(self, folder: TaskFolder) -> None:
        if is_limited(folder.out):
            unlimit(folder.out)

    def sweep(self) -> int:
        """Units end with their supervisors; those of a sidecar that was killed with them are named
        by the folders that it left, and stopped here."""
        if not (self._manager.is_dir() and is_root()):
            return 0
        told, _ = said(
            ["systemctl", "list-units", "--plain", "--no-legend", "--all", "fleet-work-*"]
        )
        ours = {path.name for path in (self._state / "tasks").glob("*")}
        units = [line.split()[0] for line in told.splitlines() if line.split()]
        left = [u for u in units if u.removeprefix("fleet-work-").removesuffix(".service") in ours]
        for unit in left:
            for words in (["kill", "--signal=KILL"], ["stop"], ["reset-failed"]):
                said(["systemctl", *words, unit])
        return len(left)


def _walls(unit: str, folder: TaskFolder, kind: KindOfWork) -> list[str]:
    limits = kind.limits
    closed = sorted(path.name for path in Path("/").iterdir() if path.name not in _SEEN)
    hidden = " ".join(f"-/{name}" for name in closed if _PLAIN.fullmatch(name))
    properties = [
        *("DynamicUser=yes", "PrivateNetwork=yes", "PrivateTmp=yes", "PrivateDevices=yes"),
        *("PrivateIPC=yes", "ProtectSystem=strict", "ProtectHome=yes", "ProtectProc=invisible"),
        *("TemporaryFileSystem=/run:ro /var:ro /mnt:ro", f"InaccessiblePaths={hidden}"),
        "KillMode=control-group",
        *("ProtectKernelTunables=yes", "ProtectControlGroups=yes", "ProtectClock=yes"),
        *("NoNewPrivileges=yes", "CapabilityBoundingSet=", "RestrictSUIDSGID=yes"),
        *("RestrictNamespaces=yes", "RestrictAddressFamilies=AF_UNIX", "LockPersonality=yes"),
        *(f"MemoryMax={limits.memory}", "MemorySwapMax=0", f"TasksMax={limits.pids}"),
        *(f"RuntimeMaxSec={limits.timeout:g}", f"LimitFSIZE={limits.output}", "LimitCORE=0"),
        f"LimitCPU={limits.cpu or int(limits.timeout)}",
        f"WorkingDirectory={_TOP}",
        f"BindReadOnlyPaths={folder.input}:{_TOP}/in {folder.board}:{_TOP}/blackboard",
        f"BindPaths={folder.out}:{_TOP}/out",
        *(f"BindReadOnlyPaths={place}" for place in kind.read_only),
    ]
    words = [word for each in properties for word in ("--property", each)]
    return ["--quiet", "--wait", "--pipe", f"--unit={unit}", *words]
