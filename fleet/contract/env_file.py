"""`agent.env`: lines that mean the same to every program that reads them.

Ours are the sidecar and `scripts/bus-publish`; systemd (`EnvironmentFile=`) and compose
(`env_file`) may read the same file. Each takes more than the others, and reads it in its own way.
So only what all of them read alike is allowed, and the rest is refused with its line:

    # a comment has a line to itself
    FLEET_AGENT=alpha
    FLEET_DROP='/srv/my agents/drop'
    FLEET_PASSWORD_FILE="${CREDENTIALS}/alpha"

A value is plain, or whole in quotes. `${NAME}` is a variable of the environment, except within
'single' quotes, where it is refused; a `$` alone is a `$`, and stands in single quotes. A value
that begins with `~/` is below the user's home.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

from fleet.contract import variables
from fleet.contract.errors import ConfigError

_BLANKS: Final = " \t"
_NAME: Final = r"[A-Za-z_][A-Za-z0-9_]*"
_VARIABLE: Final = rf"\$\{{{variables.NAME}(?::\?)?\}}"
_ASSIGNMENT: Final = re.compile(rf"({_NAME})=(.*)")
_PLAIN: Final = re.compile(rf"(?:[^\"#$'\\`\x7f-\U0010ffff]|{_VARIABLE})*")
_SINGLE: Final = re.compile(r"'((?:[^'\\$]|\$(?!\{))*)'")
_DOUBLE: Final = re.compile(rf'"((?:[^"\\$`]|{_VARIABLE})*)"')
_HOME: Final = re.compile(r"(?!~)|~(?:/|$)")

_QUOTES: Final = "NAME='VALUE'"


@dataclass(frozen=True, slots=True)
class Line:
    """One assignment: the number of its line from 1, and its value without quotes."""

    number: int
    name: str
    value: str


@dataclass(frozen=True, slots=True)
class Fault:
    """One line that is refused."""

    number: int
    why: str
    remedy: str

    def told(self, path: object) -> ConfigError:
        """For the file at `path`, which also stands for {path} in the remedy."""
        what = f"line {self.number} of {path} is not usable"
        return ConfigError(what, self.why, self.remedy.replace("{path}", str(path)))


def parse(text: str) -> Iterator[Line | Fault]:
    """Every assignment, and every line that is refused, in order. Bytes that are no UTF-8 stand in
    `text` as `surrogateescape` has them: a comment may hold them."""
    assigned: set[str] = set()
    used: set[str] = set()
    # Not splitlines: it also parts at characters that are none of a shell's line ends.
    for number, whole in enumerate(text.split("\n"), 1):
        found = _read(number, whole)
        if isinstance(found, Line):
            uses = variables.references(found.value)
            clash = found.name in assigned | used | uses or uses & assigned
            used |= uses
            assigned.add(found.name)
            if clash:
                why = f"{found.name} is set twice, or one line sets what another uses"
                found = Fault(number, why, "keep one; ${NAME} is of the environment alone")
        if found is not None:
            yield found


def _read(number: int, whole: str) -> Line | Fault | None:
    line = whole.strip(_BLANKS)
    fault = _characters(number, line)
    if fault is not None or not line:
        return fault
    if line.startswith("#"):
        if line.endswith("\\"):
            why = "systemd takes the line after a comment that ends with \\ for a comment too"
            return Fault(number, why, "take the \\ away")
        return None
    assignment = _ASSIGNMENT.fullmatch(line)
    if assignment is None:
        why = "blanks before = are read in several ways" if _blank_name(line) else ""
        example = "write it like FLEET_AGENT=alpha, without export; a comment begins with #"
        return Fault(number, why or "it is not NAME=VALUE", example)
    name, given = assignment.groups()
    return _value(number, name, given)


def _characters(number: int, line: str) -> Fault | None:
    if number == 1 and line.startswith("\ufeff"):
        remedy = "LC_ALL=C sed -i '1s/^...//' {path}"
        return Fault(number, "it begins with a byte order mark", remedy)
    if not line.startswith("#") and any("\udc80" <= c <= "\udcff" for c in line):
        return Fault(number, "it is not UTF-8 text", "iconv -f latin1 -t utf-8 {path}")
    if line.endswith("\r"):
        return Fault(number, "it ends as on Windows (CR LF)", r"sed -i 's/\r$//' {path}")
    inner = line.replace("\t", "") if line.startswith("#") else line
    if any(character < " " or character == "\x7f" for character in inner):
        return Fault(number, "it holds a tab or another control character", "take it out")
    return None


def _blank_name(line: str) -> bool:
    return re.match(rf"{_NAME}[ \t]+=", line) is not None


def _value(number: int, name: str, given: str) -> Line | Fault:
    for pattern in (_SINGLE, _DOUBLE):
        quoted = pattern.fullmatch(given)
        if quoted:
            return _home(Line(number, name, quoted[1]))
    if given[:1] == " ":
        return Fault(number, "blanks after = are read in several ways", f"{name}=VALUE")
    if _PLAIN.fullmatch(given):
        return _home(Line(number, name, given))
    if given[:1] in "'\"":
        why = "after a quote comes the same quote at the end, and between them no \\"
        why += " and no ${" if given[:1] == "'" else ", no ` and no $ but ${NAME}"
        return Fault(number, why, f"{name}=VALUE")
    if "#" in given:
        why = "what follows # is a comment to some readers, and part of the value to others"
        return Fault(number, why, "a line of its own for the comment, or " + _QUOTES)
    if "$" in given:
        return Fault(number, "a $ stands in 'single' quotes, or as ${NAME}", _QUOTES)
    return Fault(number, "it holds a character that needs quotes", _QUOTES)


def _home(line: Line) -> Line | Fault:
    if _HOME.match(line.value):
        return line
    return Fault(line.number, "~ stands for the own home alone, as ~/", f"{line.name}=~/PATH")


def quoted(value: str) -> str:
    """`value` as it stands in the file.

    Raises:
        ConfigError: no way of writing it is read alike by all.
    """
    for text in (value, f"'{value}'", f'"{value}"'):
        (found,) = (*parse(f"X={text}"), None)[:1]
        if found == Line(1, "X", value):
            return text
    raise ConfigError(
        f"{value!r} cannot stand in agent.env",
        "it holds a quote, a \\, a $ or a control character",
        "agent-sidecar join --dir with a plainer path",
    )
