"""The first minute as it is lived: a clean clone, the quickstart, machines that lack things."""

from __future__ import annotations

import os
import re
import shutil
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from tests.support.newcomer import Machine, Terminal, why_not
from tests.support.waiting import wait_until

# Two demos at the same moment look for the same free ports.
pytestmark = [
    pytest.mark.xdist_group("demo"),
    pytest.mark.timeout(300),
    pytest.mark.skipif(bool(why_not()), reason=why_not() or "a machine can be made"),
]
STEPS = 8
brokers = pytest.mark.parametrize("mosquitto", [True, False], ids=["mosquitto", "embedded"])


@pytest.fixture(scope="module")
def newcomer() -> Iterator[Machine]:
    """An ordinary user with an empty HOME, blanks in the path and a umask of 077, who has run the
    quickstart once, on a machine without Mosquitto."""
    with Machine.made(mosquitto=False) as machine:
        check_demo(machine)
        yield machine


def check_demo(machine: Machine) -> None:
    """The quickstart plays the demo to its end, and leaves nothing."""
    done = machine.run("sh", "scripts/quickstart.sh", "--once")
    told = done.stdout + done.stderr
    assert done.returncode == 0, told
    assert "not observed" not in told
    timed = re.findall(r"^  observed: .* \(\d+\.\d s\)$", done.stdout, re.MULTILINE)
    assert len(timed) == STEPS
    assert machine.left_behind() == []


@brokers
@pytest.mark.parametrize("online", [True, False], ids=["online", "offline"])
def test_the_quickstart_plays_the_demo(newcomer: Machine, mosquitto: bool, online: bool) -> None:
    machine = replace(newcomer, mosquitto=mosquitto, online=online)
    check_demo(machine)


@pytest.mark.parametrize("version", ["3.12", "3.13"])
def test_the_quickstart_works_with_each_python(version: str) -> None:
    python = interpreter(version)
    if python is None:
        pytest.skip(f"no Python {version} on this machine")
    with Machine.made(mosquitto=False, python=python, uid=os.getuid()) as machine:
        check_demo(machine)
        told = machine.run(".venv/bin/python", "-V")
        assert told.stdout.startswith(f"Python {version}")


def interpreter(version: str) -> str | None:
    """One on PATH, or one that pyenv or uv has put into the home."""
    homes = Path("~/.pyenv/versions"), Path("~/.local/share/uv/python")
    names = (f"{version}.*", f"cpython-{version}.*")
    for home, name in zip(homes, names, strict=True):
        for found in sorted(home.expanduser().glob(f"{name}/bin/python{version}")):
            return str(found)
    return shutil.which(f"python{version}")


@brokers
@pytest.mark.parametrize("closed", [False, True], ids=["ctrl-c", "closed-terminal"])
def test_the_demo_ends_with_its_terminal_and_leaves_nothing(
    newcomer: Machine, mosquitto: bool, closed: bool
) -> None:
    machine = replace(newcomer, mosquitto=mosquitto)
    argv = machine.argv("sh", "scripts/quickstart.sh")
    terminal = Terminal(argv, machine.checkout, machine.environ)
    terminal.read_until("the fleet now")
    terminal.read_until("observed:")
    if closed:
        terminal.close()
    else:
        terminal.press_ctrl_c()
        assert terminal.wait() == 130
    wait_until(lambda: machine.left_behind() == [], what="an end that leaves nothing")
