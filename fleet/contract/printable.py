"""Text from outside, on its way to a terminal or a log: it is seen, it steers nothing.

A terminal obeys what it is shown: escapes recolour, erase and retitle, some answer into the shell's
input; directional and invisible characters show other words than are there. Both programs write
through `guard_output`, so no command can forget it. What we ourselves say to a terminal is marked
with a number that nobody outside knows.
"""

from __future__ import annotations

import io
import logging
import os
import re
import sys
from typing import Final

_INVISIBLE: Final = "\u034f\u115f\u1160\u17b4\u17b5\u3164\uffa0\ufe00-\ufe0f\U000e0100-\U000e01ef"
"""What Python calls printable though nothing is seen: joiners, fillers, variation selectors."""

_HIDDEN: Final = re.compile(f"[{_INVISIBLE}]")
_SHORT: Final = {"\n": "\\n", "\r": "\\r", "\t": "\\t"}

_SECRET: Final = int.from_bytes(os.urandom(8), "big")
_MARK: Final = re.compile(rf"\x1b\[{_SECRET};(\d+)m")
_OWN: Final[list[str]] = []


def printable(text: str) -> str:
    """`text` as one line: what is no visible character, or the plain blank, stands escaped.

    `\\u202e`, as JSON spells it, so that JSON stays JSON. What `own` marked stays.
    """
    if text.isprintable() and (text.isascii() or not _HIDDEN.search(text)):
        return text
    parts = _MARK.split(text)
    parts[::2] = ["".join(map(_shown, part)) for part in parts[::2]]
    parts[1::2] = [_marked(int(number)) for number in parts[1::2]]
    return "".join(parts)


def _shown(character: str) -> str:
    if character.isprintable() and not _HIDDEN.match(character):
        return character
    if character in _SHORT:
        return _SHORT[character]
    units = character.encode("utf-16-be", "surrogatepass").hex()
    return "".join(f"\\u{units[at : at + 4]}" for at in range(0, len(units), 4))


def own(control: str) -> str:
    """`control`, a constant of ours, as a mark that the guarded output turns into it again.

    Shaped like a colour, so that whatever measures or strips styled text knows it.
    """
    if control not in _OWN:
        _OWN.append(control)
    return _marked(_OWN.index(control))


def _marked(number: int) -> str:
    return f"\x1b[{_SECRET};{number}m"


class GuardedStream(io.TextIOWrapper):
    """Passes on lines of printable text, and what `own` marked."""

    instead_of: io.TextIOWrapper | None = None
    """Who wrote there before: it would close what we write to when nobody holds it any more."""

    def write(self, text: str, /) -> int:
        if text.isprintable() and not _HIDDEN.search(text):
            super().write(text)
        else:
            lines = "\n".join(map(printable, text.split("\n")))
            super().write(_MARK.sub(lambda mark: _OWN[int(mark[1])], lines))
        return len(text)


def guard_output() -> None:
    """From here on nothing else reaches stdout and stderr. Called once, by a program's entry."""
    for name in ("stdout", "stderr"):
        stream = getattr(sys, name)
        if not isinstance(stream, io.TextIOWrapper):  # closed by whoever started us
            continue
        stream.flush()
        ascii_only = stream.encoding.lower() in ("ascii", "ansi_x3.4-1968", "us-ascii")
        guarded = GuardedStream(
            stream.buffer,
            encoding="utf-8" if ascii_only else stream.encoding,
            errors="backslashreplace",
            line_buffering=stream.line_buffering or name == "stderr",
            write_through=stream.write_through,
        )
        guarded.instead_of = stream
        setattr(sys, name, guarded)


class LineFormatter(logging.Formatter):
    """A record's message is one line, whatever was put into it; a traceback keeps its lines."""

    def formatMessage(self, record: logging.LogRecord) -> str:  # noqa: N802 - logging's own name
        return printable(super().formatMessage(record))


def log_to_stderr(level: int = logging.INFO, form: str = "%(levelname)s %(message)s") -> None:
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(LineFormatter(form))
    logging.basicConfig(handlers=[handler], level=level)
