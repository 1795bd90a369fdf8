"""The manual pages, made from the help of the programs: `python scripts/docs/manual.py` writes
`docs/man/`.

One page a program, with a section a command, and one line for each other name of one. The wheel
carries them to `share/man/man1`. A test makes every page again and compares.
"""

from __future__ import annotations

import inspect
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Final

import click

sys.path.insert(0, str(Path(__file__).parent))
from reference import COMMON, agent_sidecar, commands, fleet  # a script finds its neighbour first

from fleet import __version__
from fleet.toolkit import TOOLS

ROOT: Final = Path(__file__).parents[2]
FOLDER: Final = ROOT / "docs" / "man"
SECTIONS: Final = {
    "EXIT STATUS": (
        "0 if all is well. What 1 and 2 mean is said at each command. 3 is a wrong call or an "
        "error, never an outcome: two lines on stderr say what, why and what to try."
    ),
    "ENVIRONMENT": (
        "FLEET_HOME and all other settings, as FLEET_NAME: fleet config show and "
        "agent-sidecar check --settings list them; each is an option, too. NO_COLOR and --no-color "
        "take colour away."
    ),
}


def escaped(text: str) -> str:
    """Text as roff takes it: no hyphen is a dash, and no line begins with a request."""
    text = text.replace("\\", "\\e").replace("-", "\\-")
    text = re.sub(r"^([.'])", r"\\&\1", text, flags=re.MULTILINE)
    return re.sub(r"[^\x00-\x7f]", lambda found: f"\\[u{ord(found[0]):04X}]", text)


def verbatim(lines: list[str]) -> str:
    return "\n".join([".PP", ".nf", ".RS 4", *map(escaped, lines), ".RE", ".fi"])


def prose(text: str) -> Iterator[str]:
    """Paragraphs of a help text; what click is told not to wrap, or is indented, stays as it is."""
    for part in re.split(r"\n\s*\n", inspect.cleandoc(text)):
        lines = part.splitlines()
        if lines[0] == "\b" or lines[0].startswith("    "):
            yield verbatim([line for line in lines if line != "\b"])
        else:
            yield f".PP\n{escaped(part)}"


def described(name: str, command: click.Command) -> Iterator[str]:
    """A command: how it is called, what it does, its options and examples."""
    context = click.Context(command, info_name=name)
    yield f'.SS "{escaped(name)}"\n.B {escaped(name)}'
    yield escaped(" ".join(command.collect_usage_pieces(context)))
    yield from prose(command.help or "")
    settings = []
    for parameter in command.get_params(context):
        record = parameter.get_help_record(context) if isinstance(parameter, click.Option) else None
        long = max(parameter.opts, key=len)
        if record is None or long in ("--help", "--no-color"):
            continue
        if long in COMMON and parameter.metavar == "VALUE":
            settings.append(long)
        else:
            yield f".TP\n.B {escaped(record[0])}\n{escaped(' '.join(record[1].split()))}"
    if settings:
        yield f".PP\nSettings: {escaped(' '.join(settings))}"
    if command.epilog:
        yield from prose(command.epilog)


def head(name: str, meaning: str) -> list[str]:
    title = f'.TH "{name.upper()}" 1 "" "fleet\\-control\\-plane {__version__}" "User Commands"'
    # What no formatter may stretch or break: calls.
    return [f'.\\" Made by: python scripts/docs/manual.py\n{title}', ".nh\n.ad l", ".SH NAME",
            f"{escaped(name)} \\- {escaped(meaning)}"]  # fmt: skip


def program(name: str, group: click.Group, see: str) -> str:
    """The page of a program whose commands are click's."""
    first, _, rest = inspect.cleandoc(group.help or "").partition("\n")
    parts = [*head(name, first.rstrip(".")), ".SH SYNOPSIS"]
    parts.append(f".B {escaped(name)}\nCOMMAND [OPTIONS] [ARGS]...")
    parts += [".SH DESCRIPTION", *prose(rest or first), ".SH COMMANDS"]
    for path, command in commands(group, (name,)):
        parts += described(path, command)
    for title, text in SECTIONS.items():
        parts.append(f".SH {title}\n{escaped(text)}")
    return "\n".join([*parts, f".SH SEE ALSO\n{see}"]) + "\n"


def one_liner() -> str:
    """The page of the shell script, from what it says of itself."""
    said = subprocess.run(
        ["sh", ROOT / "scripts" / "bus-publish", "--help"],
        capture_output=True, text=True, check=True,
    ).stdout  # fmt: skip
    first, _, rest = said.partition("\n")
    parts = [*head("bus-publish", first.partition(": ")[2].rstrip(".")), ".SH DESCRIPTION"]
    for part in rest.strip("\n").split("\n\n"):
        lines = part.splitlines()
        indented = lines[0].startswith("    ")
        parts.append(verbatim([x[4:] for x in lines]) if indented else f".PP\n{escaped(part)}")
    return "\n".join([*parts, ".SH SEE ALSO\n.BR agent\\-sidecar (1)"]) + "\n"


def pages() -> dict[str, str]:
    """File name → roff."""
    return {
        "fleet.1": program("fleet", fleet, ".BR agent\\-sidecar (1),\n.BR bus\\-publish (1)"),
        "agent-sidecar.1": program(
            "agent-sidecar", agent_sidecar, ".BR fleet (1),\n.BR bus\\-publish (1)"
        ),
        "bus-publish.1": one_liner(),
        "bus-command-handler.1": ".so man1/agent-sidecar.1\n",
        **{f"{name}.1": ".so man1/fleet.1\n" for name in TOOLS},
    }


if __name__ == "__main__":
    FOLDER.mkdir(parents=True, exist_ok=True)
    for name, text in pages().items():
        (FOLDER / name).write_text(text)
