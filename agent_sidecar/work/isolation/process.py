"""The lowest rung: processes of their own on this machine, limited, and ended as a whole.

It is no wall. A worker reads and writes whatever its user may, reaches the network, and may end our
own processes unless `user` gives it another user; see the how-to.
"""

from __future__ import annotations

import pwd
import sys
from collections.abc import Mapping
from typing import Final

from agent_sidecar.work.isolation.base import Attempt, environ_of, is_root, places, program
from agent_sidecar.work.launch import End, Launch
from agent_sidecar.work.task_folder import TaskFolder
from agent_sidecar.work.work_file import KindOfWork, filled

_HERE: Final = {"in": "in", "out": "out", "board": "blackboard"}
"""Where a worker of another user finds its files: below its working directory."""

_PATH: Final = "/usr/local/bin:/usr/bin:/bin"


class ProcessRung:
    """Workers as plain processes."""

    def __init__(self, environ: Mapping[str, str]) -> None:
        self._environ = environ

    def unavailable(self, kind: KindOfWork) -> str:
        if sys.platform != "linux":
            return "only Linux tells which processes a worker has left behind"
        if not kind.user:
            return ""
        if not is_root():
            return f"only root can start a worker as {kind.user}"
        try:
            return "" if pwd.getpwnam(kind.user).pw_uid else "root is no user for a worker"
        except KeyError:
            return f"there is no user {kind.user}"

    def prepare(self, attempt: Attempt) -> None:
        owner = _owner(attempt.kind)
        attempt.folder.make_out(owner)
        if owner is not None:
            attempt.folder.let_in(owner)

    def launch(self, attempt: Attempt) -> Launch:
        kind = attempt.kind
        owner = _owner(kind)
        # The folders above are ours alone: another user gets there by being there.
        where = places(attempt.folder) if owner is None else _HERE
        path = self._environ.get("PATH", _PATH)
        home = self._environ.get("HOME", "/") if owner is None else pwd.getpwnam(kind.user).pw_dir
        argv = filled(kind.argv, {**where, "task": attempt.claim.task})
        return Launch(
            argv=[program(argv[0], path), *argv[1:]],
            environ=environ_of(attempt, self._environ, where, home, path),
            cwd=str(attempt.folder.out.parent),
            out=str(attempt.folder.out),
            limits=kind.limits,
            until=attempt.until,
            lease=attempt.lease,
            user=owner,
        )

    def overrun(self, _attempt: Attempt) -> str:
        return ""

    def reason(self, _end: End) -> str:
        return ""

    def release(self, _folder: TaskFolder) -> None:
        """Nothing beside files."""

    def sweep(self) -> int:
        return 0


def _owner(kind: KindOfWork) -> tuple[int, int] | None:
    if not kind.user:
        return None
    user = pwd.getpwnam(kind.user)
    return user.pw_uid, user.pw_gid
