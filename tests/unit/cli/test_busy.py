"""A sign of life is drawn on a terminal only, after a second, and never beside a question."""

from __future__ import annotations

import io
import sys
import time

import pytest

from fleet.cli import busy as module
from fleet.cli.busy import busy
from tests.support.waiting import wait_until


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


def test_nothing_is_drawn_where_nobody_looks(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(module, "FIRST", 0.0)
    with busy("saving") as sign:
        assert sign.aside(lambda: "said") == "said"
    assert capsys.readouterr() == ("", "")


def test_a_terminal_is_told_what_is_done_and_left_clean(monkeypatch: pytest.MonkeyPatch) -> None:
    terminal = Terminal()
    monkeypatch.setattr(sys, "stderr", terminal)
    monkeypatch.setattr(module, "FIRST", 0.0)

    def asked() -> str:
        before = len(terminal.getvalue())
        time.sleep(0.3)
        return terminal.getvalue()[before:]

    with busy("saving the home") as sign:
        wait_until(lambda: "saving the home" in terminal.getvalue())
        assert sign.aside(asked) == ""
        before = len(terminal.getvalue())
        wait_until(lambda: "saving" in terminal.getvalue()[before:])
    assert terminal.getvalue().endswith("\x1b[2K"), "the line is taken away"


def test_what_is_quick_draws_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    terminal = Terminal()
    monkeypatch.setattr(sys, "stderr", terminal)
    monkeypatch.setattr(module, "FIRST", 3600.0)
    with busy("saving"):
        pass
    assert terminal.getvalue() == ""
