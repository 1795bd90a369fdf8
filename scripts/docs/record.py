"""Run a command in a terminal and draw what it showed.

`python scripts/docs/record.py OUT.svg CMD...` writes the picture and, beside it,
the same as text (OUT.txt), for those who cannot see it.
"""

from __future__ import annotations

import os
import pty
import re
import sys
from pathlib import Path

from rich._export_format import CONSOLE_SVG_FORMAT
from rich.console import Console
from rich.text import Text

WIDTH = 100
FONT_FACES = re.compile(r"@font-face \{\{.*?\}\}\n", re.DOTALL)
"""The template loads a font from the network; a picture in a repository must not."""


def shown_by(command: list[str]) -> tuple[int, str]:
    """Exit code of `command`, and what it wrote to a terminal of its own."""
    chunks: list[bytes] = []

    def keep(descriptor: int) -> bytes:
        chunk = os.read(descriptor, 4096)
        chunks.append(chunk)
        return chunk

    os.environ |= {"COLUMNS": str(WIDTH), "LINES": "50", "TERM": "xterm-256color"}
    status = pty.spawn(command, keep)
    return os.waitstatus_to_exitcode(status), b"".join(chunks).decode().replace("\r\n", "\n")


def draw(title: str, text: str) -> tuple[str, str]:
    """The picture as SVG, and the plain text."""
    with Path(os.devnull).open("w") as nowhere:
        console = Console(record=True, width=WIDTH, file=nowhere, force_terminal=True)
        console.print(Text.from_ansi(text))
        template = FONT_FACES.sub("", CONSOLE_SVG_FORMAT)
        # Some renderers would drop the blanks after a coloured word.
        template = template.replace("<svg ", '<svg xml:space="preserve" ', 1)
        picture = console.export_svg(title=title, code_format=template, clear=False)
        return picture, console.export_text()


def main(target: Path, command: list[str]) -> None:
    """Record `command` into `target` and its text into the file beside it."""
    code, text = shown_by(command)
    if code:
        sys.exit(f"{command[0]} ended with {code}: nothing was recorded")
    picture, plain = draw(f"$ {' '.join(command)}", text)
    target.write_text("\n".join(line.rstrip() for line in picture.splitlines()) + "\n")
    target.with_suffix(".txt").write_text(
        "\n".join(line.rstrip() for line in plain.splitlines()) + "\n"
    )


if __name__ == "__main__":
    if len(sys.argv) < 3:
        sys.exit("python scripts/docs/record.py docs/demo.svg fleet demo --once")
    main(Path(sys.argv[1]), sys.argv[2:])
