"""What is told while a bar is drawn stands above it, and is not written into it."""

from __future__ import annotations

import io
import re
import sys

import pytest

from fleet.cli.work_output import byte_bar, task_bar

TASK = {"state": "working", "progress": 3, "kind": "research", "holder": "ada"}
_STEERING = re.compile(r"\x1b\[[0-9;?]*[A-Za-z]")


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


@pytest.mark.parametrize("bar", ["bytes", "task"])
def test_what_is_told_beside_a_bar_has_a_line_of_its_own(
    bar: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    terminal = Terminal()
    monkeypatch.setenv("TERM", "xterm")
    monkeypatch.setattr(sys, "stderr", terminal)
    if bar == "bytes":
        with byte_bar("upload", 100) as moving:
            moving.moved(50)
            moving.told("big.bin: [red]reset\x1b[31m")
    else:
        with task_bar("01KZ") as shown:
            shown.show(TASK)
            shown.told("big.bin: [red]reset\x1b[31m")
    lines = re.split(r"[\r\n]+", _STEERING.sub("", terminal.getvalue()))
    assert [line for line in lines if "big.bin" in line] == ["big.bin: [red]reset\\u001b[31m"]
