"""Every shell block of the README, the tutorial and the how-tos is run as a reader runs it, in
order and on a machine of its own, or says why not.

What a page says of its blocks, no reader sees: tests/docs/pages.py.
"""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from tests.docs.machine import ROOT, Machine, why_not
from tests.docs.pages import SHELLS, Line, Step, steps

HOW_TO = ROOT / "docs" / "how-to"
PAGES = [ROOT / "README.md", ROOT / "docs" / "tutorial.md", *sorted(HOW_TO.glob("*.md"))]
FROM_NOTHING = {"docs/tutorial.md", "docs/how-to/enrol-an-agent.md"}
"""Pages that begin without a fleet. The others find one: broker, hub, and the agent `alpha`."""

ENROLLED = """
<!-- type: fleet init --name localhost -->
<!-- type in=broker until=Ctrl-C: fleet broker up -->
<!-- type: fleet agent add alpha --group edge -->
<!-- type in=alpha INVITATION='/fleet1\\.(\\S+)/' asked='[Ss]ecret.*: '
     answer='/fleet1\\.\\S+\\s+(\\S+)/':
agent-sidecar join fleet1.INVITATION -->
<!-- press ctrl-c in=broker -->
<!-- type: sed -i '1i interval = 10' ~/.fleet/fleet.toml
echo FLEET_INTERVAL=10 >>~/.config/fleet/agent.env -->
"""
AT_WORK = """
<!-- type in=broker until=Ctrl-C: fleet broker up -->
<!-- type in=hub until=Ctrl-C: fleet serve -->
<!-- type in=alpha until=connected: agent-sidecar exec -- sleep 3600 -->
"""
needs_machine = pytest.mark.skipif(bool(why_not()), reason=why_not() or "a machine can be made")


def name(page: Path) -> str:
    return str(page.relative_to(ROOT))


def asked_by(page: Path) -> list[Step]:
    return steps(name(page), page.read_text())


NOT_RUN = [step for page in PAGES for step in asked_by(page) if step.not_run]


def fill(step: Step, text: str, machine: Machine) -> str:
    """`text` with what stands for its words."""
    for word, meant in step.stands_for():
        text = text.replace(word, resolve(step, meant, machine))
    return text


def resolve(step: Step, meant: str, machine: Machine) -> str:
    if not re.fullmatch("/.*/", meant):
        return meant
    found = re.findall(meant[1:-1], machine.shown(), re.MULTILINE)
    assert found, f"{step}: nobody was shown {meant}"
    return str(found[-1])


def shape(shown: str) -> str:
    """A pattern of output: numbers are any number, `…` is anything."""
    return re.sub(r"\d+", r"\\d+", re.escape(shown.strip()).replace("…", ".*"))


def do(step: Step, machine: Machine) -> None:
    """One step of a page.

    Raises:
        AssertionError: what it says does not happen.
    """
    if step.does == "press ctrl-c":
        machine.terminal(step.terminal).press_ctrl_c()
    elif step.does == "wait":
        code = machine.terminal(step.terminal).wait()
        assert code == int(step.option("exit") or 0), f"{step}: exit {code}"
    elif step.does in SHELLS:
        for line in step.lines():
            do_line(step, line, machine)
    elif step.option("to"):
        machine.append(step.option("to"), fill(step, step.text, machine))


def do_line(step: Step, line: Line, machine: Machine) -> None:
    terminal = machine.terminal(line.terminal)
    text, answer = fill(step, line.text, machine), resolve(step, line.answer, machine)
    if line.until:
        terminal.start(text, line.until)
        if ("stop", "") in step.options:
            terminal.press_ctrl_c()
        return
    code, said = terminal.type(text, step.option("asked"), answer)
    assert code == line.exit_code, f"{step}: {text}\nexit {code}\n{said}"
    if line.shown:
        assert re.fullmatch(shape(line.shown), said.strip()), f"{step}: {text}\n{said}"


def play(machine: Machine, todo: list[Step]) -> None:
    for step in todo:
        if not step.not_run:
            do(step, machine)
            for terminal in machine.terminals.values():
                terminal.drain()


@pytest.fixture(scope="module")
def enrolled(tmp_path_factory: pytest.TempPathFactory) -> bytes:
    """A home with a fleet in it, of which `alpha` is a part, for all pages."""
    with Machine.made(tmp_path_factory.mktemp("enrolled")) as machine:
        play(machine, steps("enrolled", ENROLLED))
        return machine.save_home()


@needs_machine
@pytest.mark.timeout(180)
@pytest.mark.parametrize("page", PAGES, ids=name)
def test_a_page_does_what_it_says(
    page: Path, tmp_path: Path, request: pytest.FixtureRequest
) -> None:
    todo = asked_by(page)
    if all(step.not_run or step.does not in SHELLS for step in todo):
        pytest.skip("nothing of it is for this machine's shell")
    with Machine.made(tmp_path) as machine:
        if name(page) not in FROM_NOTHING:
            machine.restore_home(request.getfixturevalue("enrolled"))
            play(machine, steps("at work", AT_WORK))
        play(machine, todo)


@pytest.mark.parametrize("block", NOT_RUN, ids=str)
def test_a_block_that_is_not_run_says_why(block: Step) -> None:
    pytest.skip(block.not_run)
