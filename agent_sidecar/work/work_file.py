"""The work file (`FLEET_WORK`): which kinds of task run here, as what program, and how apart.

TOML, 0600. A command is a list of words and never meets a shell. What is not known is refused: a
limit that is misspelt would be no limit.
"""

from __future__ import annotations

import re
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any, Final, NoReturn

from agent_sidecar.work import update_plan as plan
from agent_sidecar.work.launch import Limits
from agent_sidecar.work.update_plan import UpdatePlan
from fleet.contract import secret_file, trusted_path
from fleet.contract.errors import ConfigError, closest
from fleet.contract.vocabulary import Word
from fleet.contract.work_vocabulary import ENTRY_NAME_TEXT, TASK_KIND_TEXT, BuiltInKind

MAX_PARALLEL: Final = 64
"""Workers of one kind at a time."""

MAX_WORDS: Final = 64
"""Words of one command, of up to `MAX_WORD` characters: they travel in one datagram."""

MAX_WORD: Final = 1000
"""Characters of a word: a short script for `sh -c`; a long one is a file."""

EXAMPLE: Final = 'argv = ["/usr/local/bin/research", "{in}/0", "{out}/report.md"]'

_HOLE: Final = re.compile(r"\{([a-z]*)\}(/[A-Za-z0-9._/-]+)?")
_SIZE: Final = re.compile(r"([1-9][0-9]{0,8})([KMG]?)")
_UNITS: Final = {"": 1, "K": 1024, "M": 1024**2, "G": 1024**3}
_VARIABLE: Final = re.compile(r"[A-Za-z_][A-Za-z0-9_]{0,63}")
_IMAGE: Final = re.compile(r"[a-z0-9][a-zA-Z0-9._/:@-]{0,254}")


class Isolation(Word):
    """How far a worker is kept from everything else, the strongest first."""

    CONTAINER = "container", "a container of Docker or Podman: no network, no host files"
    SYSTEMD = "systemd", "a transient unit of systemd: no network, a user of its own"
    BWRAP = "bwrap", "namespaces by bubblewrap: no network, no host files but programs"
    PROCESS = "process", "processes of their own, limited and ended as a whole; no wall"


@dataclass(frozen=True, slots=True)
class KindOfWork:
    """What is done about tasks of one kind.

    Attributes:
        argv: the command; holes are filled by `filled`.
        environment: names of variables of ours that it gets; it has no others but a few plain ones.
        read_only: folders that it may read too, with their programs (bwrap, systemd).
        required: names in `out/` that must be there; None: any file.
    """

    name: str
    argv: tuple[str, ...]
    isolation: Isolation
    limits: Limits
    parallel: int = 1
    image: str = ""
    user: str = ""
    environment: tuple[str, ...] = ()
    read_only: tuple[str, ...] = ()
    required: tuple[str, ...] | None = None


@dataclass(frozen=True, slots=True)
class WorkFile:
    """All of the file. `poll` is s between two questions for work; `plain_http` allows a token to
    travel in the open. `update`: how the agent is updated; None: it is not."""

    kinds: Mapping[str, KindOfWork]
    poll: float = 30.0
    plain_http: bool = False
    update: UpdatePlan | None = None


def filled(argv: tuple[str, ...], places: Mapping[str, str]) -> list[str]:
    """The command with its holes filled: `{in}` alone, or as the beginning of a path, `{in}/0`."""

    def fill(word: str) -> str:
        hole = _HOLE.fullmatch(word)
        return places[hole[1]] + (hole[2] or "") if hole and hole[1] in places else word

    return [fill(word) for word in argv]


def read(path: Path) -> WorkFile:
    """
    Raises:
        ConfigError: it cannot be read, others may read or change it, or it says what cannot be.
    """
    try:
        secret_file.require_private(path)
        document = tomllib.loads(trusted_path.read_text(path))
    except (OSError, UnicodeDecodeError) as error:
        why = getattr(error, "strerror", None) or "not text"
        raise ConfigError(f"the work file {path} cannot be read", why, f"ls -l {path}") from None
    except tomllib.TOMLDecodeError as error:
        raise ConfigError(
            f"{path} is no TOML", str(error), f"[kinds.research]; {EXAMPLE}"
        ) from None
    return parse(document, str(path))


def parse(document: Mapping[str, Any], where: str) -> WorkFile:
    """
    Raises:
        ConfigError: it says what cannot be.
    """
    top = _Table(where, document, {"kinds", "poll", "plain_http", "update"})
    kinds = top.table("kinds")
    if not kinds and "update" not in document:
        _refuse(f"{where} names no kind of work", "", f"[kinds.research]; {EXAMPLE}")
    return WorkFile(
        {name: _kind(where, name, table) for name, table in kinds.items()},
        poll=top.number("poll", 30, 1, 3600),
        plain_http=top.flag("plain_http"),
        update=plan.parse(document["update"], where) if "update" in document else None,
    )


def _kind(where: str, name: str, table: Any) -> KindOfWork:
    if not TASK_KIND_TEXT.fullmatch(name):
        why = "a kind is a letter and up to 31 of a-z, 0-9 and -"
        _refuse(f"{name!r} in {where} is no kind of task", why, "[kinds.research]")
    script = name == BuiltInKind.SCRIPT
    if name in set(BuiltInKind) and not script:
        why = "what it does is built in"
        _refuse(
            f"the kind {name} in {where} cannot be given a command", why, f"remove [kinds.{name}]"
        )
    if not isinstance(table, dict):
        _refuse(f"kinds.{name} in {where} is no table", "", f"[kinds.{name}]; {EXAMPLE}")
    known = {field.name for field in fields(KindOfWork)} | {field.name for field in fields(Limits)}
    said = _Table(f"[kinds.{name}] in {where}", table, known - {"name", "limits"})
    isolation = said.isolation(Isolation.CONTAINER if script else None)
    if script and isolation is not Isolation.CONTAINER:
        why = "a program written by a model is never run on the host"
        _refuse(f"script in {where} runs in a container only", why, 'isolation = "container"')
    container = isolation is Isolation.CONTAINER
    image = said.text("image", _IMAGE, needed=container)
    if image and not container:
        why = f"isolation is {isolation}"
        _refuse(f"image in [kinds.{name}] has no use", why, 'isolation = "container"')
    user = said.text("user", re.compile(r"[a-z_][a-z0-9_-]{0,31}"))
    if user and isolation is not Isolation.PROCESS:
        why = f"{isolation} has a user of its own"
        _refuse(f"user in [kinds.{name}] has no use", why, "remove user")
    timeout = said.number("timeout", 3600, 1, 604_800)
    return KindOfWork(
        name=name,
        argv=said.argv(("python", "{in}/0") if script else None),
        isolation=isolation,
        limits=Limits(
            timeout=timeout,
            stall=said.number("stall", 300, 1, 604_800),
            memory=said.size("memory", "512M", "4M"),
            output=said.size("output", "64M", "1K"),
            pids=int(said.number("pids", 64, 1, 100_000)),
            cpu=int(said.number("cpu", 0, 0, 604_800)),
        ),
        parallel=int(said.number("parallel", 1, 1, MAX_PARALLEL)),
        image=image,
        user=user,
        environment=said.words("environment", _VARIABLE, ["OPENAI_API_KEY"]) or (),
        read_only=said.words("read_only", re.compile(r"/[^\0,:]{1,255}"), ["/opt/tool"]) or (),
        required=said.words("required", ENTRY_NAME_TEXT, ["report.md"]),
    )


class _Table:
    """One table of the file; every question says what is wrong with the answer, and where."""

    def __init__(self, where: str, table: Mapping[str, Any], known: set[str]) -> None:
        self._where = where
        self._table = table
        for name in table:
            if name not in known:
                near = closest(name, known)
                remedy = f"{near} = …" if near else "one of " + " ".join(sorted(known))
                _refuse(f"{name} in {where} is not known", "", remedy)

    def table(self, name: str) -> dict[str, Any]:
        value = self._table.get(name, {})
        return value if isinstance(value, dict) else self._wrong(name, "a table", f"[{name}.…]")

    def flag(self, name: str) -> bool:
        value = self._table.get(name, False)
        return (
            value
            if isinstance(value, bool)
            else self._wrong(name, "true or false", f"{name} = true")
        )

    def number(self, name: str, default: float, low: float, high: float) -> float:
        value = self._table.get(name, default)
        if (
            isinstance(value, bool)
            or not isinstance(value, int | float)
            or not low <= value <= high
        ):
            self._wrong(name, f"a number from {low:g} to {high:g}", f"{name} = {default:g}")
        return value

    def size(self, name: str, default: str, low: str) -> int:
        value = self._table.get(name, default)
        found = _SIZE.fullmatch(value) if isinstance(value, str) else None
        size = int(found[1]) * _UNITS[found[2]] if found else 0
        least = int(low[:-1]) * _UNITS[low[-1]]
        if not least <= size <= 1024**4:
            self._wrong(name, f"a size from {low} to 1024G", f'{name} = "{default}"')
        return size

    def text(self, name: str, pattern: re.Pattern[str], *, needed: bool = False) -> str:
        value = self._table.get(name, "")
        if needed and not value:
            _refuse(
                f"{self._where} has no {name}",
                "a container needs one",
                f'{name} = "python:3.13-slim"',
            )
        if value and not (isinstance(value, str) and pattern.fullmatch(value)):
            self._wrong(
                name,
                f"a plain {name}",
                f'{name} = "python:3.13-slim"' if needed else f"remove {name}",
            )
        return str(value)

    def words(
        self, name: str, pattern: re.Pattern[str], example: list[str]
    ) -> tuple[str, ...] | None:
        value = self._table.get(name)
        if value is None:
            return None
        good = isinstance(value, list) and len(value) <= MAX_WORDS
        if not good or not all(isinstance(word, str) and pattern.fullmatch(word) for word in value):
            self._wrong(name, "a list of such words", f"{name} = {example}".replace("'", '"'))
        return tuple(value)

    def isolation(self, default: Isolation | None) -> Isolation:
        value = self._table.get("isolation", default)
        if value not in set(Isolation):
            words = ", ".join(Isolation)
            self._wrong("isolation", f"one of {words}", 'isolation = "container"')
        return Isolation(value)

    def argv(self, default: tuple[str, ...] | None) -> tuple[str, ...]:
        value = self._table.get("argv", list(default or ()))
        if not isinstance(value, list) or not 1 <= len(value) <= MAX_WORDS:
            self._wrong("argv", f"a list of 1 to {MAX_WORDS} words", EXAMPLE)
        for word in value:
            if not isinstance(word, str) or not word or len(word) > MAX_WORD or "\0" in word:
                self._wrong("argv", f"a list of words of 1 to {MAX_WORD} characters", EXAMPLE)
            for name in re.findall(r"\{(task|in|out|board)\}", word):
                if (
                    not (hole := _HOLE.fullmatch(word))
                    or ".." in word
                    or (name == "task" and hole[2])
                ):
                    why = f"{{{name}}} is a word of its own, or begins a path"
                    _refuse(f"{word!r} in {self._where} is not usable", why, EXAMPLE)
        if value[0].startswith("{"):
            why = "what came with a task would be the program"
            _refuse(f"{value[0]!r} in {self._where} is no program", why, EXAMPLE)
        return tuple(value)

    def _wrong(self, name: str, wanted: str, remedy: str) -> NoReturn:
        had = f" = {self._table[name]!r}"[:60] if name in self._table else " is missing"
        _refuse(f"{name}{had} in {self._where}", f"it must be {wanted}", remedy)


def _refuse(what: str, why: str, remedy: str) -> NoReturn:
    raise ConfigError(what, why, remedy)
