"""Colours of tables, on a terminal and elsewhere: ours alone, and none where none is welcome."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Final

import click
import pytest

from fleet.cli.common import BOLD, CLEAR, RESET, STYLES
from tests.support import hostile
from tests.support.served import environment
from tests.support.terminal import on_terminal

ID: Final = "01KB5QZ2M4W3J8X7V6T5S4R3Q2"
CALLS: Final = {
    "status": "33",
    "rollout list": "33",
    f"rollout status {ID}": "31",
    f"rollout rollback {ID} --dry-run": "31",
    "pair list": "31",
}
"""What shows a table → the number of a colour that must be in it."""

OURS: Final = [RESET, BOLD, CLEAR, *{click.style("", c, reset=False) for c in STYLES.values()}]


@pytest.fixture(scope="module")
def environ(tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[str, str]]:
    """Of a caller who has nothing against colours, with a hub that lies in them."""
    folder: Path = tmp_path_factory.mktemp("colours")
    with hostile.hub(hostile.lies(), folder) as hub:
        given = environment(folder, **hub)
        del given["NO_COLOR"]
        yield given


def argv(call: str) -> list[str]:
    return [sys.executable, "-m", "fleet", *call.split()]


@pytest.mark.parametrize(("call", "colour"), CALLS.items())
def test_colours_are_ours_alone(environ: dict[str, str], call: str, colour: str) -> None:
    shown = on_terminal(argv(call), environ)
    assert shown.steering(OURS) == ""
    assert f"\x1b[{colour}m" in shown.text
    assert "\x1b[31mevil" not in shown.text
    assert "\\u001b[31m" in shown.text, "what the hub wrote is shown as text"


@pytest.mark.parametrize("call", CALLS)
def test_there_is_no_colour_where_none_is_welcome(environ: dict[str, str], call: str) -> None:
    shown = {
        "NO_COLOR": on_terminal(argv(call), environ | {"NO_COLOR": "1"}).text,
        "--no-color": on_terminal(argv(f"{call} --no-color"), environ).text,
        "a pipe": subprocess.run(
            argv(call), env=environ, capture_output=True, text=True, check=False
        ).stdout,
    }
    assert [how for how, text in shown.items() if "\x1b" in text or "evil" not in text] == []
