"""A program that `fleet tck` examines: started, restarted, killed and frozen by a shell script, as
an operator's own commands do it."""

from __future__ import annotations

import shlex
import subprocess
from collections.abc import Mapping, Sequence
from pathlib import Path

from fleet.tck.controls import Controls

SCRIPT = """\
cd {folder} || exit 1
gone() {{ while [ -e /proc/$1/exe ]; do sleep 0.02; done; }}
begin() {{ env -i {environment} {command} >>log 2>&1 </dev/null & echo $! >pid; }}
pid=$(cat pid 2>/dev/null)
case $1 in
restart) if [ -n "$pid" ]; then kill "$pid" 2>/dev/null; gone "$pid"; fi; begin ;;
end) if [ -n "$pid" ]; then kill -KILL "$pid" 2>/dev/null; gone "$pid"; fi ;;
kill) kill -KILL "$pid"; gone "$pid" ;;
pause) kill -STOP "$pid" ;;
resume) kill -CONT "$pid" ;;
esac
"""


class Examined:
    """`command` as a process of its own, with `environ` and nothing else; a context manager."""

    def __init__(self, folder: Path, command: Sequence[str], environ: Mapping[str, str]) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        self.log = folder / "log"
        self._script = folder / "control.sh"
        pairs = shlex.join(f"{name}={value}" for name, value in environ.items())
        self._script.write_text(
            SCRIPT.format(
                folder=shlex.quote(str(folder)), environment=pairs, command=shlex.join(command)
            )
        )

    def __enter__(self) -> Examined:
        subprocess.run(shlex.split(self.line("restart")), check=True, timeout=30)
        return self

    def __exit__(self, *_: object) -> None:
        subprocess.run(shlex.split(self.line("end")), check=False, timeout=30)

    def line(self, word: str) -> str:
        """The command line of a control."""
        return f"sh {shlex.quote(str(self._script))} {word}"

    def controls(self, *words: str) -> Controls:
        return Controls(**{word: self.line(word) for word in words})
