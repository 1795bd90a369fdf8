"""A machine to throw away: a network of its own, its own processes, and every file a copy.

What a page tells to write, be it to `/etc/fleet` or to the checkout, goes to memory and is gone
with the machine; what it tells to listen on, be it 1883 or 8088, is free.
"""

from __future__ import annotations

import contextlib
import os
import re
import shutil
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final, NoReturn

import pexpect

from tests.support.waiting import wait_until

ROOT: Final = Path(__file__).parents[2]
HOME: Final = "/home/dana"
MEANS: Final = ("unshare", "nsenter", "ip", "bash", "tar")
SETUP: Final = """
set -eu
ip link set lo up
mount -t tmpfs tmpfs "$1"
mkdir "$1/root" "$1/system" "$1/system.work" "$1/checkout" "$1/checkout.work"
mount -t overlay overlay -o "lowerdir=/,upperdir=$1/system,workdir=$1/system.work" "$1/root"
mount -t overlay overlay -o "lowerdir=$2,upperdir=$1/checkout,workdir=$1/checkout.work" "$1/root$2"
for folder in proc dev sys; do mount --rbind "/$folder" "$1/root/$folder"; done
for folder in tmp run; do mkdir -p "$1/root/$folder"; done
mkdir -p "$1/root$3"
exec chroot "$1/root" sleep infinity
"""
PROMPT: Final = re.compile(r"<<(\d+)>>")
DEADLINE: Final = 60.0
"""Seconds for a line of a page; `fleet acl test` tries a hundred things."""

MORE: Final = "<<more>>"


def why_not() -> str:
    """Why no such machine can be made here; empty: it can."""
    if os.geteuid() != 0:
        return "only root can make a machine of namespaces"
    lacking = [program for program in MEANS if shutil.which(program) is None]
    if lacking:
        return f"absent: {', '.join(lacking)}"
    made = subprocess.run(
        ["unshare", "--mount", "--net", "--pid", "--fork", "true"], capture_output=True, check=False
    )
    return "namespaces are not allowed here" if made.returncode else ""


class Terminal:
    """One shell of the reader, on a pseudo-terminal."""

    def __init__(
        self, argv: list[str], environ: dict[str, str], others: dict[str, Terminal]
    ) -> None:
        self._others = others
        self.shown = ""
        self.busy = False
        self._sent = ""
        self._shell: pexpect.spawn[str] = pexpect.spawn(
            argv[0], argv[1:], env=environ, encoding="utf-8", echo=False, dimensions=(60, 250),
        )  # fmt: skip
        self._shell.sendline(f"PS1='<<$?''>>' PS2='{MORE[:3]}''{MORE[3:]}'")
        self._expect(PROMPT)

    def type(self, line: str, asked: str = "", answer: str = "") -> tuple[int, str]:
        """Exit code and output of a line; 0 and nothing of one that more lines follow."""
        assert not self.busy, f"something runs here: {self.shown[-600:]}"
        self._sent = line
        self._shell.sendline(line)
        wanted = [PROMPT, re.compile(re.escape(MORE)), *([re.compile(asked)] if asked else [])]
        said = ""
        while True:
            which = self._expect(*wanted)
            said += str(self._shell.before).replace("\r\n", "\n")
            if which == 0:
                return self._code(), said
            if which == 1:
                return 0, said
            said += str(self._shell.after)
            self._shell.sendline(answer)

    def start(self, line: str, until: str) -> None:
        """Type a line that stays in the foreground, and wait for what it shows."""
        self._sent = line
        self._shell.sendline(line)
        self.busy = True
        self._expect(re.compile(until))

    def press_ctrl_c(self) -> None:
        self._sent = "Ctrl-C"
        self._shell.sendintr()
        self.wait()

    def wait(self) -> int:
        """Wait for the end of what runs in the foreground; its exit code."""
        self._expect(PROMPT)
        self.busy = False
        return self._code()

    def _code(self) -> int:
        found = PROMPT.search(str(self._shell.after))
        assert found is not None
        return int(found[1])

    def drain(self) -> None:
        """Take what a program in the foreground has shown since, so that it never waits for us."""
        with contextlib.suppress(pexpect.TIMEOUT, pexpect.EOF):
            while self.busy:
                self.shown += self._shell.read_nonblocking(65_536, timeout=0)

    def close(self) -> None:
        self._shell.close(force=True)

    def _expect(self, *wanted: re.Pattern[str]) -> int:
        """Which is seen first. All terminals are read meanwhile: on a full one, programs stop."""
        end = time.monotonic() + DEADLINE
        while True:
            try:
                which = int(self._shell.expect(list(wanted), timeout=0.1))
                break
            except pexpect.TIMEOUT:
                if time.monotonic() > end:
                    self._fail(wanted)
                for other in self._others.values():
                    if other is not self:
                        other.drain()
            except pexpect.EOF:
                self._fail(wanted)
        self.shown += f"{self._shell.before}{self._shell.after}".replace("\r", "")
        return which

    def _fail(self, wanted: tuple[re.Pattern[str], ...]) -> NoReturn:
        screen = str(self._shell.before)[-1500:]
        raise AssertionError(f"not seen of {self._sent}: {wanted[-1].pattern}\n{screen}") from None


class Machine:
    """The reader's machine, and the terminals that are open on it, by name."""

    def __init__(self, pid: int) -> None:
        self._inside = ["nsenter", "--target", str(pid), "--mount", "--net", "--pid", "--root"]
        self.terminals: dict[str, Terminal] = {}

    @classmethod
    @contextmanager
    def made(cls, folder: Path) -> Iterator[Machine]:
        argv = ["unshare", "--net", "--mount", "--pid", "--fork", "--kill-child", "--mount-proc"]
        process = subprocess.Popen([*argv, "sh", "-c", SETUP, "sh", str(folder), str(ROOT), HOME])
        children = Path(f"/proc/{process.pid}/task/{process.pid}/children")

        def ready() -> int:
            assert process.poll() is None, "the machine could not be made"
            pid = children.read_text().strip()
            named = pid and Path(f"/proc/{pid}/comm").read_text()
            return int(pid) if named == "sleep\n" else 0

        machine = cls(wait_until(ready, what="the machine"))
        try:
            yield machine
        finally:
            for terminal in machine.terminals.values():
                terminal.close()
            process.kill()
            process.wait()

    @property
    def environ(self) -> dict[str, str]:
        programs = Path(sys.executable).parent
        folders = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"
        return {
            "HOME": HOME,
            "PATH": f"{programs}:{folders}",
            "LANG": "C.UTF-8",
            "TERM": "xterm",
            "NO_COLOR": "1",
            "VIRTUAL_ENV_DISABLE_PROMPT": "1",
        }

    def terminal(self, name: str) -> Terminal:
        """The one of that name; opened in the checkout if it was not."""
        if name not in self.terminals:
            shell = ["sh", "-c", 'cd "$1" && exec bash --norc --noediting', "sh", str(ROOT)]
            self.terminals[name] = Terminal([*self._inside, *shell], self.environ, self.terminals)
        return self.terminals[name]

    def shown(self) -> str:
        """All that was seen on all terminals."""
        return "\n".join(terminal.shown for terminal in self.terminals.values())

    def append(self, file: str, text: str) -> None:
        """`file` as the reader's shell understands it."""
        argv = [*self._inside, "env", f"HOME={HOME}", "sh", "-c", f"cat >>{file}"]
        subprocess.run(argv, input=text.encode(), check=True)

    def save_home(self) -> bytes:
        argv = [*self._inside, "tar", "-C", HOME, "-c", "."]
        return subprocess.run(argv, capture_output=True, check=True).stdout

    def restore_home(self, saved: bytes) -> None:
        argv = [*self._inside, "tar", "-C", HOME, "-x"]
        subprocess.run(argv, input=saved, check=True)
