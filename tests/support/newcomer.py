"""A newcomer's machine: a clean copy of this checkout, an ordinary user, and what it may lack."""

from __future__ import annotations

import os
import pty
import shutil
import subprocess
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final, Self

from tests.support.no_mosquitto import without_mosquitto

ROOT: Final = Path(__file__).parents[2]
NOBODY_IN_PARTICULAR: Final = 12_345
"""A user id that no account of the machine has."""

PASSED_ON: Final = ("PIP_", "SSL_", "REQUESTS_", "LANG")
"""What a machine is told of its package index and certificates."""

MEANS: Final = ("unshare", "setpriv", "ip")


def why_not() -> str:
    """Why no such machine can be made here; empty: it can."""
    if os.geteuid() != 0:
        return "only root can become another user and hide programs"
    lacking = [program for program in MEANS if shutil.which(program) is None]
    if lacking or not (ROOT / ".git").exists():
        return f"absent: {', '.join(lacking) or 'the checkout'}"
    made = subprocess.run(["unshare", "--mount", "--net", "true"], capture_output=True, check=False)
    return "namespaces are not allowed here" if made.returncode else ""


@dataclass(frozen=True)
class Machine:
    """Where the copy lies, and who works there.

    Attributes:
        mosquitto: whether it is installed, as far as anybody can see.
        online: whether there is a network besides loopback.
        python: the interpreter that the quickstart is to take; empty: its own choice.
        uid: who works there.
    """

    folder: Path
    mosquitto: bool = True
    online: bool = True
    python: str = ""
    uid: int = NOBODY_IN_PARTICULAR

    @property
    def checkout(self) -> Path:
        return self.folder / "a clean clone" / "fleet"

    @classmethod
    @contextmanager
    def made(cls, **how: Any) -> Iterator[Self]:
        """A machine for a while: with what git knows of, given to its user.

        Not below pytest's folder, which each run of pytest shuts for all but its own user.
        """
        with tempfile.TemporaryDirectory(prefix="first minute ", ignore_cleanup_errors=True) as at:
            machine = cls(Path(at), **how)
            machine.make()
            yield machine

    def make(self) -> None:
        self.folder.chmod(0o755)
        listed = subprocess.run(
            ["git", "ls-files", "-co", "--exclude-standard", "-z"],
            cwd=ROOT, capture_output=True, check=True,
        ).stdout.decode()  # fmt: skip
        for name in filter(None, listed.split("\0")):
            if (ROOT / name).is_file():
                target = self.checkout / name
                target.parent.mkdir(parents=True, exist_ok=True)
                shutil.copy2(ROOT / name, target)
        for path in ("home", "tmp"):
            (self.folder / path).mkdir()
        subprocess.run(["chown", "-R", f"{self.uid}:{self.uid}", str(self.folder)], check=True)

    @property
    def environ(self) -> dict[str, str]:
        kept = {name: text for name, text in os.environ.items() if name.startswith(PASSED_ON)}
        folder = str(self.folder)
        return {
            **kept,
            "HOME": f"{folder}/home",
            "TMPDIR": f"{folder}/tmp",
            "PATH": "/usr/local/bin:/usr/bin:/bin",
            "NO_COLOR": "1",
            **({"FLEET_PYTHON": self.python} if self.python else {}),
        }

    def argv(self, *words: str) -> list[str]:
        """A command in the checkout, as the user, with a umask of 077."""
        user = ["setpriv", f"--reuid={self.uid}", f"--regid={self.uid}", "--clear-groups"]
        command = ["sh", "-c", 'umask 077; exec "$@"', "sh", *(user if self.uid else []), *words]
        if not self.online:
            lone = 'ip link set lo up; exec "$@"'
            command = ["unshare", "--net", "sh", "-c", lone, "sh", *command]
        return command if self.mosquitto else without_mosquitto(command)

    def run(self, *words: str, timeout: float = 280) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            self.argv(*words), cwd=self.checkout, env=self.environ, stdin=subprocess.DEVNULL,
            capture_output=True, text=True, timeout=timeout, check=False,
        )  # fmt: skip

    def left_behind(self) -> list[str]:
        """Command lines of processes that have to do with this machine, and files of theirs."""
        found = [str(path) for path in (self.folder / "tmp").iterdir()]
        mark = str(self.folder).encode()
        for process in Path("/proc").glob("[0-9]*"):
            try:
                words = (process / "cmdline").read_bytes()
                if words and mark in words + (process / "environ").read_bytes():
                    found.append(words.replace(b"\0", b" ").decode(errors="replace"))
            except OSError:
                continue
        return found


class Terminal:
    """A command on a terminal of its own, as a person starts it; `close` shuts its window."""

    def __init__(self, argv: Sequence[str], cwd: Path, environ: dict[str, str]) -> None:
        self.screen = ""
        self.pid, self._end = pty.fork()
        if self.pid == 0:  # pragma: no cover - the child
            os.chdir(cwd)
            os.execvpe(argv[0], list(argv), environ)  # noqa: S606 - the arguments are ours

    def read_until(self, text: str) -> None:
        """Read on until `text` has appeared.

        Raises:
            EOFError: it ended before.
        """
        while text not in self.screen:
            try:
                data = os.read(self._end, 65_536)
            except OSError:
                data = b""
            if not data:
                raise EOFError(self.screen[-2000:])
            self.screen += data.decode(errors="replace")

    def press_ctrl_c(self) -> None:
        os.write(self._end, b"\x03")

    def close(self) -> None:
        os.close(self._end)

    def wait(self) -> int:
        """Read what is left, and the exit code: negative for a signal."""
        while True:
            try:
                if not os.read(self._end, 65_536):
                    break
            except OSError:
                break
        return os.waitstatus_to_exitcode(os.waitpid(self.pid, 0)[1])
