"""Namespaces by bubblewrap: no network, no host files but programs, a process tree of its own.

Where a kernel or a policy forbids user namespaces bwrap fails, and within containers it may seem to
work and not: so a preflight proves both walls from the inside, and without the proof nothing runs.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Final

from agent_sidecar.work.isolation.base import (
    NOBODY,
    Attempt,
    Proofs,
    environ_of,
    places,
    program,
    proof_folder,
    said,
)
from agent_sidecar.work.launch import End, Launch
from agent_sidecar.work.task_folder import TaskFolder
from agent_sidecar.work.work_file import KindOfWork, filled
from fleet.contract import trusted_path

_PATH: Final = "/usr/local/bin:/usr/bin:/bin"
_NEEDED: Final = ("--clearenv", "--size", "--disable-userns", "--remount-ro")
"""Options that the wall needs, the newest of bubblewrap 0.8."""

_TMP: Final = 64 * 1024 * 1024
"""Bytes of /tmp, which is memory."""

_OWN: Final = 2
"""Processes of bwrap's own around a worker."""

_LOOK: Final = (
    "cat /proc/net/dev; echo; ls -A /; echo; cat {canary} && echo seen; echo in > /work/out/x"
)


_FIND: Final = (
    'case $1 in */*) test -f "$1" && test -x "$1" && echo "$1";; *) command -v "$1";; esac'
)


class BwrapRung:
    """Workers in namespaces of their own."""

    def __init__(self, state: Path, environ: Mapping[str, str]) -> None:
        self._state = state
        self._environ = environ
        self._proofs = Proofs()

    def unavailable(self, kind: KindOfWork) -> str:
        for place in kind.read_only:
            if not Path(place).exists():
                return f"read_only names {place}, which is not there"
        asked = kind.read_only, kind.argv[0]
        return self._proofs.of(asked, lambda: self._prove(kind))

    def _prove(self, kind: KindOfWork) -> str:
        try:
            bwrap = program("bwrap")
        except OSError as error:
            return error.strerror or "no bwrap"
        told, why = said([bwrap, "--help"])
        if why or (lacking := [word for word in _NEEDED if word not in told]):
            return why or f"this bwrap has no {lacking[0]}: 0.8 or newer is needed"
        try:
            with proof_folder(self._state) as folder:
                return self._proof(bwrap, kind, folder)
        except OSError as error:
            return f"no proof can be made: {error.strerror}"

    def _proof(self, bwrap: str, kind: KindOfWork, folder: TaskFolder) -> str:
        """Why the walls do not hold; empty: seen from within, they do."""
        canary = folder.path / "canary"
        trusted_path.write_text(canary, "canary\n")
        look = ["/bin/sh", "-c", _LOOK.format(canary=canary)]
        told, why = said([bwrap, *_walls(folder, kind, {}), "--", *look])
        if why:
            return f"bwrap fails here: {why}"
        net, root, seen = (*told.split("\n\n"), "", "")[:3]
        links = [line.split(":")[0].strip() for line in net.splitlines()[2:]]
        if links != ["lo"]:
            return "a worker would have the network: " + " ".join(links)
        named = {Path(place).parts[1] for place in kind.read_only if place != "/"}
        if "canary" in seen or ({"home", "root", "run", "var"} - named) & set(root.split()):
            return "a worker would see the files of this machine"
        if not (folder.out / "x").is_file():
            return "what a worker writes does not arrive"
        walls = _walls(folder, kind, {"PATH": _PATH})
        found, _ = said([bwrap, *walls, "--", "/bin/sh", "-c", _FIND, "sh", kind.argv[0]])
        if not found:
            return f"there is no program {kind.argv[0]} behind the wall, by /usr and read_only"
        return ""

    def prepare(self, attempt: Attempt) -> None:
        attempt.folder.make_out(None)

    def launch(self, attempt: Attempt) -> Launch:
        kind, where = attempt.kind, places()
        environ = environ_of(attempt, self._environ, where, "/tmp", _PATH)  # noqa: S108 - its own
        argv = filled(kind.argv, {**where, "task": attempt.claim.task})
        return Launch(
            argv=[program("bwrap"), *_walls(attempt.folder, kind, environ), "--", *argv],
            environ={"PATH": _PATH},
            cwd="/",
            out=str(attempt.folder.out),
            limits=replace(kind.limits, pids=kind.limits.pids + _OWN),
            until=attempt.until,
            lease=attempt.lease,
        )

    def overrun(self, _attempt: Attempt) -> str:
        return ""

    def reason(self, _end: End) -> str:
        return ""

    def release(self, _folder: TaskFolder) -> None:
        """Nothing beside files."""

    def sweep(self) -> int:
        return 0


def _walls(folder: TaskFolder, kind: KindOfWork, environ: Mapping[str, str]) -> list[str]:
    """The options of bwrap. What is not named here is not there."""
    walls = [
        *("--unshare-user", "--unshare-all", "--disable-userns", "--die-with-parent"),
        *("--new-session", "--cap-drop", "ALL", "--uid", str(NOBODY), "--gid", str(NOBODY)),
        *("--hostname", "worker", "--clearenv", "--ro-bind", "/usr", "/usr"),
    ]
    for name in ("bin", "sbin", "lib", "lib32", "lib64", "libx32"):
        place = Path("/") / name
        if place.is_symlink():
            walls += ["--symlink", os.readlink(place), str(place)]  # noqa: PTH115
        elif place.is_dir():
            walls += ["--ro-bind", str(place), str(place)]
    for readable in ("/etc/ld.so.cache", "/etc/alternatives"):
        walls += ["--ro-bind-try", readable, readable]
    walls += [
        *("--proc", "/proc", "--dev", "/dev", "--remount-ro", "/dev"),
        *("--size", str(_TMP), "--tmpfs", "/tmp"),  # noqa: S108 - its own
    ]
    for readable in kind.read_only:  # after /tmp, which would hide what lies below it
        walls += ["--ro-bind", readable, readable]
    walls += [
        *("--ro-bind", str(folder.input), "/work/in"),
        *("--ro-bind", str(folder.board), "/work/blackboard"),
        *("--bind", str(folder.out), "/work/out"),
        *("--remount-ro", "/", "--chdir", "/work"),
    ]
    for name, value in environ.items():
        walls += ["--setenv", name, value]
    return walls
