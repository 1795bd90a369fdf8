"""`[update]` of the work file: how this agent is updated, and how it gets back.

    [update]
    type = "pip"                       # or npm, openclaw, nanobot, hermes, docker, command
    allow = ["0.3.*"]                  # versions that may be asked for; none other is
    package = "nanobot-ai"
    folder = "/opt/nanobot"            # `current` in it is what runs
    restart = ["systemctl", "restart", "nanobot"]

A command is a list of words and never meets a shell; `{version}` and `{snapshot}` are whole words.
"""

from __future__ import annotations

import fnmatch
import hashlib
import json
import re
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final, NoReturn, TypeVar

from fleet.contract.errors import ConfigError, closest
from fleet.contract.patterns import DIGEST
from fleet.contract.update_words import is_plain
from fleet.contract.vocabulary import Word

EXAMPLE: Final = 'install = ["/usr/local/bin/update-agent", "{version}"]'
MAX_WORDS: Final = 64
MAX_WORD: Final = 1000
_PACKAGE: Final = re.compile(r"(?:@[a-z0-9][a-z0-9._-]*/)?[A-Za-z0-9][A-Za-z0-9._-]{0,99}")
_GLOB: Final = re.compile(r"[0-9A-Za-z.+_*-]{1,32}")
_VARIABLE: Final = re.compile(r"[A-Za-z_][A-Za-z0-9_]{0,63}")
_HOLES: Final = frozenset({"{version}", "{snapshot}"})


class UpdateType(Word):
    """Ready-made plans, and one's own."""

    COMMAND = "command", "commands of one's own"
    PIP = "pip", "a Python package: an environment a version, and a link to the one that runs"
    NPM = "npm", "a Node package, likewise: a folder a version, and a link"
    NANOBOT = "nanobot", "pip, for nanobot"
    HERMES = "hermes", "pip, for Hermes"
    OPENCLAW = "openclaw", "npm, for OpenClaw"
    DOCKER = "docker", "a container: one a version, by its image's digest, and the one before kept"


class Rollback(Word):
    """How an agent gets back."""

    PACKAGE = "package", "the version before is installed again"
    STATE = "state", "the snapshot is restored, and the version before installed again"
    NONE = "none", "there is no way back"


_MANAGERS: Final = {
    UpdateType.PIP: ("pip", ""),
    UpdateType.NANOBOT: ("pip", "nanobot-ai"),
    UpdateType.HERMES: ("pip", "hermes-agent"),
    UpdateType.NPM: ("npm", ""),
    UpdateType.OPENCLAW: ("npm", "openclaw"),
}
_KNOWN: Final = frozenset(
    {
        "type", "allow", "current", "snapshot", "install", "restart", "verify", "restore",
        "rollback", "package", "folder", "environment", "timeout", "container", "image", "run",
        "digests",
    }
)  # fmt: skip
_PACKAGES: Final = ("package", "folder")
_CONTAINERS: Final = ("container", "image", "run", "digests")
_IMAGE: Final = re.compile(
    r"[a-z0-9][a-zA-Z0-9.-]*(?::[0-9]{1,5})?(?:/[a-z0-9]+(?:[._-]+[a-z0-9]+)*)*"
)
_CONTAINER: Final = re.compile(r"[a-zA-Z0-9][a-zA-Z0-9_.-]{1,60}")
_DIGEST: Final = re.compile(DIGEST)

Argv = tuple[str, ...]
W = TypeVar("W", bound=Word)


@dataclass(frozen=True, slots=True)
class UpdatePlan:
    """How one agent is updated; an empty command is a step that there is not.

    Attributes:
        current: prints the version that is in place. verify: ends with 0 if the agent is well.
        restart: starts the agent as it is in place, whether it runs or not.
        back: installs the version before; empty: `install` does.
        timeout: s that each command may take.
        environment: names of variables of ours that the commands get, beside a few plain ones.
        pinned: the only versions that have a digest here, and so the only ones; empty: all may.
    """

    allow: tuple[str, ...]
    current: Argv
    install: Argv
    restart: Argv = ()
    snapshot: Argv = ()
    verify: Argv = ()
    restore: Argv = ()
    rollback: Rollback = Rollback.PACKAGE
    timeout: float = 600.0
    environment: tuple[str, ...] = ()
    pinned: frozenset[str] = frozenset()
    back: Argv = ()

    @property
    def what(self) -> str:
        """Stands for what is updated and started, whatever the agent is called; two agents may have
        the same program. Where the sidecar is installed counts for nothing."""
        words = [[w for w in argv if w != sys.executable] for argv in (self.current, self.restart)]
        return hashlib.sha256(json.dumps(words).encode()).hexdigest()

    def allows(self, version: str) -> bool:
        """Whether this version may be asked for."""
        if self.pinned and version not in self.pinned:
            return False
        return is_plain(version) and any(fnmatch.fnmatchcase(version, one) for one in self.allow)


def filled(argv: Argv, version: str, snapshot: str) -> list[str]:
    """The command with its holes filled, each a word of its own."""
    values = {"{version}": version, "{snapshot}": snapshot}
    return [values.get(word, word) for word in argv]


def parse(table: Any, where: str) -> UpdatePlan:
    """
    Raises:
        ConfigError: it says what cannot be.
    """
    where = f"[update] in {where}"
    if not isinstance(table, dict):
        _refuse(f"{where} is no table", "", f"[update]; {EXAMPLE}")
    for name in table:
        if name not in _KNOWN:
            near = closest(name, _KNOWN)
            remedy = f"{near} = …" if near else "one of " + " ".join(sorted(_KNOWN))
            _refuse(f"{name} in {where} is not known", "", remedy)
    type_ = _word(table, "type", UpdateType, UpdateType.COMMAND, where)
    ready = _ready_made(type_, table, where)
    rollback = _word(table, "rollback", Rollback, Rollback.PACKAGE, where)
    plan = UpdatePlan(
        _texts(table, "allow", _GLOB, '["2026.*"]', where, needed=True),
        ready.get("current") or _argv(table, "current", where, needed=True),
        ready.get("install") or _argv(table, "install", where, needed=True),
        ready.get("restart")
        or _argv(table, "restart", where, needed=rollback is not Rollback.NONE or bool(ready)),
        _argv(table, "snapshot", where, needed=rollback is Rollback.STATE),
        _argv(table, "verify", where),
        _argv(table, "restore", where, needed=rollback is Rollback.STATE),
        rollback,
        _seconds(table, where),
        _texts(table, "environment", _VARIABLE, '["XDG_RUNTIME_DIR"]', where),
        frozenset(table.get("digests", ())),
        ready.get("back", ()),
    )
    if "{version}" not in plan.install:
        why = "it is not told which version"
        _refuse(f"install in {where} has no word {{version}}", why, EXAMPLE)
    return plan


def _ready_made(type_: UpdateType, table: Mapping[str, Any], where: str) -> dict[str, Argv]:
    """The commands that a type brings itself; `ready.py` and `container.py` carry them out."""
    useful = {UpdateType.COMMAND: (), UpdateType.DOCKER: _CONTAINERS}.get(type_, _PACKAGES)
    for name in (*_PACKAGES, *_CONTAINERS):
        if name in table and name not in useful:
            _refuse(f"{name} in {where} has no use", f"type is {type_}", f"remove {name}")
    if type_ is UpdateType.COMMAND:
        return {}
    brings = ("current", "install", *(("restart",) if type_ is UpdateType.DOCKER else ()))
    for name in brings:
        if name in table:
            why = f"the type {type_} brings it"
            _refuse(f"{name} in {where} has no use", why, f"remove {name}")
    if type_ is UpdateType.DOCKER:
        return _of_container(table, where)
    manager, usual = _MANAGERS[type_]
    package, folder = table.get("package", usual), table.get("folder")
    if not (isinstance(package, str) and _PACKAGE.fullmatch(package)):
        _refuse(f"package in {where} is none", "", 'package = "nanobot-ai"')
    if not (isinstance(folder, str) and re.fullmatch(r"/[^\0]{1,255}", folder)):
        why = "it must be a folder from / on, whose versions are kept beside each other"
        _refuse(f"folder in {where} is none", why, 'folder = "/opt/agent"')
    program = (sys.executable, "-m", "agent_sidecar.work.update.ready", manager, folder, package)
    return {"current": (*program, "current"), "install": (*program, "install", "{version}")}


def _of_container(table: Mapping[str, Any], where: str) -> dict[str, Argv]:
    name, image, digests = table.get("container"), table.get("image"), table.get("digests", {})
    if not (isinstance(name, str) and _CONTAINER.fullmatch(name)):
        _refuse(f"container in {where} is none", "it must be its name", 'container = "bot"')
    if not (isinstance(image, str) and len(image) <= MAX_WORD and _IMAGE.fullmatch(image)):
        why = "it must be its name without a tag: the version is the tag"
        _refuse(f"image in {where} is none", why, 'image = "registry.example.org/bot"')
    if not isinstance(digests, dict) or not all(
        is_plain(version) and isinstance(one, str) and _DIGEST.fullmatch(one)
        for version, one in digests.items()
    ):
        why = "it must say a digest for each version"
        _refuse(f"digests in {where} is not usable", why, 'digests = { "1.1" = "sha256:…" }')
    example = 'run = ["--network", "host", "{image}"]'
    run = _argv(table, "run", where, needed=True)
    if run.count("{image}") != 1:
        why = "it must have one word {image}, between options and command"
        _refuse(f"run in {where} is not usable", why, example)
    for word in run[: run.index("{image}")]:
        if word.partition("=")[0] in ("--name", "--restart", "--rm", "-d", "--detach"):
            why = "the name, the start and the way back are the type's"
            _refuse(f"run in {where} has {word}", why, f"remove it; {example}")
    program = (sys.executable, "-m", "agent_sidecar.work.update.container", name, image)
    what = ("{version}", json.dumps(digests), *run)
    return {
        "current": (*program, "current"),
        "restart": (*program, "restart"),
        "install": (*program, "install", *what),
        "back": (*program, "back", *what),
    }


def _argv(table: Mapping[str, Any], name: str, where: str, *, needed: bool = False) -> Argv:
    value = table.get(name, [])
    if needed and not value:
        why = {
            "restart": "without it nothing starts the agent again where an update fails",
            "snapshot": 'rollback = "state" restores one',
            "restore": 'rollback = "state" is done by it',
            "run": "nothing else says with which options the container is made",
        }.get(name, "nothing else says how")
        _refuse(f"{where} has no {name}", why, f'{name} = ["/usr/local/bin/{name}-agent"]')
    good = isinstance(value, list) and len(value) <= MAX_WORDS
    if not good or not all(
        isinstance(word, str) and 0 < len(word) <= MAX_WORD and "\0" not in word for word in value
    ):
        why = f"it must be a list of up to {MAX_WORDS} words"
        _refuse(f"{name} in {where} is no command", why, EXAMPLE)
    for place, word in enumerate(value):
        hole = re.search(r"\{(?:version|snapshot)\}", word)
        if hole and (word not in _HOLES or not place):
            why = f"{hole[0]} is a word of its own, and not the first"
            _refuse(f"{word[:60]!r} in {where} is not usable", why, EXAMPLE)
    return tuple(value)


def _texts(
    table: Mapping[str, Any],
    name: str,
    pattern: re.Pattern[str],
    example: str,
    where: str,
    *,
    needed: bool = False,
) -> tuple[str, ...]:
    value = table.get(name, [])
    if not isinstance(value, list) or (needed and not value) or len(value) > MAX_WORDS:
        _refuse(f"{name} in {where} is no list", "it must say which", f"{name} = {example}")
    if not all(isinstance(word, str) and pattern.fullmatch(word) for word in value):
        _refuse(f"{name} in {where} is not usable", "a word of it is none", f"{name} = {example}")
    return tuple(value)


def _word(table: Mapping[str, Any], name: str, words: type[W], default: W, where: str) -> W:
    value = table.get(name, default.value)
    try:
        return words(value)
    except ValueError:
        listed = ", ".join(words)
        _refuse(f"{name} in {where} is not known", f"one of {listed}", f'{name} = "{default}"')


def _seconds(table: Mapping[str, Any], where: str) -> float:
    value = table.get("timeout", 600)
    if isinstance(value, bool) or not isinstance(value, int | float) or not 1 <= value <= 86_400:
        _refuse(f"timeout in {where} is none", "it must be 1 to 86400 s", "timeout = 600")
    return float(value)


def _refuse(what: str, why: str, remedy: str) -> NoReturn:
    raise ConfigError(what, why, remedy)
