"""A terminal of a test's own: what a program writes to it, and what of that would steer it."""

from __future__ import annotations

import contextlib
import os
import pty
import signal
import subprocess
import termios
import threading
import unicodedata
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

UNSEEN = frozenset("\u034f\u115f\u1160\u17b4\u17b5\u3164\uffa0") | {
    chr(point) for span in ((0xFE00, 0xFE10), (0xE0100, 0xE01F0)) for point in range(*span)
}
"""Letters and marks, says Unicode, though nothing is seen of them."""

STEERS = ("Cc", "Cf", "Cs", "Co", "Cn", "Zl", "Zp")
"""Categories of Unicode: controls, formats, surrogates, private, unassigned, separators."""

HOSTILE = (
    "\x1b[35;5m\x1b[31m\x1b]0;owned\x07\x1bP+q\x1b\\\x9b2J\x85\x08\x00\x7f\t\rgone"
    "\u202eevil\u2066\u200b\u200e\u2028\ufeff\ufe0f\U000e0041\nforged: all is well"
)
"""Colours, a title, an answer into the shell's input, erasing, directions, what is not seen, and a
line that looks like one of ours."""

FORGED = "\nforged: all is well"


@dataclass(frozen=True, slots=True)
class Shown:
    """What reached the terminal, and the exit code (negative: ended by that signal)."""

    raw: bytes
    code: int

    @property
    def text(self) -> str:
        return self.raw.decode(errors="surrogateescape")

    def steering(self, ours: Sequence[str] = ()) -> str:
        """Characters that are neither seen nor a newline, named; `ours` is allowed."""
        text = self.text
        for control in ours:
            text = text.replace(control, "")
        found = {
            character
            for character in text
            if character != "\n" and (character in UNSEEN or _steers(character))
        }
        return " ".join(sorted(f"U+{ord(character):04X}" for character in found))


def _steers(character: str) -> bool:
    return unicodedata.category(character) in STEERS


def on_terminal(
    arguments: Sequence[str | bytes],
    environ: Mapping[str, str],
    *,
    stays: bool = False,
    seconds: float = 60,
    cwd: str | os.PathLike[str] | None = None,
) -> Shown:
    """Run a program to its end with stdout and stderr on a terminal; one that `stays` is ended
    as by Ctrl-C when it has said something and then nothing for two seconds."""
    ours, theirs = pty.openpty()
    mode = termios.tcgetattr(theirs)
    mode[1] &= ~termios.OPOST  # else the kernel adds a carriage return to each newline
    termios.tcsetattr(theirs, termios.TCSANOW, mode)
    heard: list[bytes] = []
    spoke = threading.Event()

    def read() -> None:
        with contextlib.suppress(OSError):  # the last one on the other side has left
            while data := os.read(ours, 65_536):
                heard.append(data)
                spoke.set()

    process = subprocess.Popen(
        arguments, env=dict(environ), stdin=subprocess.DEVNULL, stdout=theirs, stderr=theirs,
        cwd=cwd, start_new_session=True,
    )  # fmt: skip
    os.close(theirs)
    reader = threading.Thread(target=read, name="terminal")
    reader.start()
    try:
        if stays:
            _interrupt_when_silent(process, spoke, seconds)
        process.wait(seconds)
    finally:
        if process.poll() is None:
            process.kill()
            process.wait()
        with contextlib.suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)  # what it left behind holds the terminal open
        reader.join(10)
        os.close(ours)
    return Shown(b"".join(heard), process.returncode)


def _interrupt_when_silent(
    process: subprocess.Popen[bytes], spoke: threading.Event, seconds: float
) -> None:
    spoke.wait(seconds)
    while process.poll() is None and spoke.is_set():
        spoke.clear()
        spoke.wait(2)
    if process.poll() is None:
        process.send_signal(signal.SIGINT)
