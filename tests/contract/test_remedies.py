"""What follows `Try:` can be tried: every command, option and setting that a remedy names exists.

Remedies are read from the source: the third argument of an error, and of what the doctor finds.
"""

from __future__ import annotations

import ast
import re
import shlex
from collections.abc import Iterator
from pathlib import Path

import click
import pytest

from agent_sidecar.cli import cli as agent_sidecar
from agent_sidecar.settings import ALL
from fleet.cli.main import fleet
from fleet.settings import SETTINGS

ROOT = Path(__file__).parents[2]
PROGRAMS = {"fleet": fleet, "agent-sidecar": agent_sidecar}
PLACE = {"HttpProblem": 2, "Diagnosis": 3}
"""Which argument the remedy is; of an error it is the third."""

VARIABLES = {setting.variable for setting in SETTINGS} | {name.variable for name in ALL}
OTHERS = {"FLEET_AGENT_ENV", "FLEET_COMMAND_KEYS", "FLEET_TEST_NANOBOT", "FLEET_DYNSEC_PLUGIN"}
PROSE = re.compile(r", | or |: | (?:shows|makes|says|where|starts|begins|lists) ")
"""Where a command ends and a sentence goes on."""

HOLE = "X"
"""Stands for what an f-string fills in."""


def text_of(node: ast.expr) -> Iterator[str]:
    """The texts that an expression may come to, with `HOLE` for what is not known."""
    if isinstance(node, ast.Constant) and isinstance(node.value, str):
        yield node.value
    elif isinstance(node, ast.JoinedStr):
        parts = (p.value if isinstance(p, ast.Constant) else HOLE for p in node.values)
        yield "".join(map(str, parts))
    elif isinstance(node, ast.IfExp):
        yield from text_of(node.body)
        yield from text_of(node.orelse)


def remedies() -> Iterator[tuple[str, str]]:
    """(where, text) of every remedy in the source."""
    for package in ("fleet", "agent_sidecar"):
        for path in sorted((ROOT / package).rglob("*.py")):
            for node in ast.walk(ast.parse(path.read_text())):
                if not isinstance(node, ast.Call):
                    continue
                name = ast.unparse(node.func).rpartition(".")[2]
                place = PLACE.get(name, 2 if name.endswith("Error") else None)
                if place is not None and len(node.args) > place:
                    for text in text_of(node.args[place]):
                        yield f"{path.relative_to(ROOT)}:{node.lineno}", text


REMEDIES = sorted(set(remedies()))


def commands(text: str) -> Iterator[list[str]]:
    """The words of each command of ours in a remedy, up to where prose goes on."""
    for found in re.finditer(r"(?<![\w/.-])(?<!openclaw )(fleet|agent-sidecar) [^;()]*", text):
        part = re.split(
            r", | or |: | shows | makes | says | where | starts | begins | lists ", found[0]
        )[0]
        try:
            yield shlex.split(part.replace("'", "").replace("…", HOLE))
        except ValueError:
            continue


def test_there_are_remedies_to_look_at() -> None:
    assert len(REMEDIES) > 100


@pytest.mark.parametrize(("where", "text"), REMEDIES, ids=[where for where, _ in REMEDIES])
def test_the_commands_of_a_remedy_exist(where: str, text: str) -> None:
    for words in commands(text):
        program, *rest = words
        command: click.Command = PROGRAMS[program]
        context = click.Context(command, info_name=program)
        while isinstance(command, click.Group) and rest and not rest[0].startswith("-"):
            inner = command.get_command(context, rest[0])
            assert inner is not None, f"{where}: {program} has no command {rest[0]!r} ({text})"
            command, rest = inner, rest[1:]
            context = click.Context(command, parent=context, info_name=command.name)
        known = {option for param in command.params for option in param.opts}
        known |= {"--help", "-h", "--version"}
        given = {word.partition("=")[0] for word in rest if re.match(r"--?[a-z]", word)}
        assert given <= known, f"{where}: {' '.join(words)} has no {given - known}"


@pytest.mark.parametrize(("where", "text"), REMEDIES, ids=[where for where, _ in REMEDIES])
def test_the_settings_of_a_remedy_exist(where: str, text: str) -> None:
    named = set(re.findall(r"\bFLEET_[A-Z_]+", text))
    assert named <= VARIABLES | OTHERS, f"{where}: {named - VARIABLES - OTHERS}"


def test_what_the_hub_says_of_host_names_is_what_it_reads(tmp_path: Path) -> None:
    """The remedy named a key that the settings refuse."""
    from fleet.http.middleware import HttpGuard
    from fleet.settings import load

    guard = HttpGuard(lambda *_: None, frozenset({"localhost"}))  # type: ignore[arg-type, return-value]
    from starlette.datastructures import Headers

    refusal = guard._refusal(Headers({"host": "nas.lan"}))
    assert refusal is not None
    told = re.search(r"(hosts = \[.*\]) under \[(\w+)\]", str(refusal.remedy))
    assert told
    (tmp_path / "fleet.toml").write_text(f"[{told[2]}]\n{told[1]}\n")
    assert load({"home": str(tmp_path)}, {}).tables["http_service"]["hosts"] == ["NAME"]
