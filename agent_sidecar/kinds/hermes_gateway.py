"""Hermes's gateways by their own files: `gateway.pid`, removed at the end, `gateway.lock`, kept.

`hermes chat` and `hermes dashboard` are called like the gateway, so that its name tells nothing;
`hermes gateway status` deletes what it takes for stale, so that no command of it is ever run.
"""

from __future__ import annotations

import os
import time
from collections.abc import Iterator, Mapping
from contextlib import suppress
from dataclasses import replace
from itertools import islice
from pathlib import Path
from typing import Final

from agent_sidecar.config import Config
from agent_sidecar.kinds.documents import is_there, load, section
from agent_sidecar.kinds.instances import (
    Chosen,
    Instance,
    choose,
    distinct,
    homes,
    is_name,
)
from agent_sidecar.probes.channels import Channels
from agent_sidecar.probes.other_namespaces import as_seen_by, has_own_files
from agent_sidecar.probes.processes import Table, table
from agent_sidecar.probes.recorded import recorded

SETTINGS: Final = "config.yaml"
USUAL: Final = "~/.hermes"
FILES: Final = ("gateway.pid", "gateway.lock")

LOST: Final = frozenset({"disconnected", "retrying", "fatal"})
"""States of a channel that nobody's message comes through; others are no fault."""

_MOST_PROFILES: Final = 256


class Gateway:
    """The gateway of one home, asked anew at each look."""

    def __init__(self, folder: Path, processes: Table | None = None) -> None:
        self.folder = folder
        self._table = processes

    def pid(self) -> int | None:
        """Its process: the start tells it from a later one of its number."""
        for name in FILES:
            path = self.folder / name
            said = load(path)
            if said.get("kind") == "hermes-gateway":
                pid = recorded(path, said.get("pid"), said.get("start_time"), self._table)
                if pid is not None:
                    return pid
        return None

    def python(self) -> Path | None:
        """Beside the program that it was started with: its version is installed there."""
        argv = load(self.folder / "gateway.lock").get("argv")
        first = argv[0] if isinstance(argv, list) and argv else None
        with suppress(OSError, RuntimeError, ValueError):
            if isinstance(first, str):
                pid, program = self.pid(), Path(first)
                there = pid is not None and has_own_files(pid)
                # A link would lead to our own files and not to the container's.
                found = as_seen_by(pid, program) if there else program.resolve()
                return found.with_name("python")
        return None

    def reader(self) -> Path | None:
        """Its interpreter, where that may be run: not where it is a container's."""
        pid = self.pid()
        return None if pid is not None and has_own_files(pid) else self.python()

    def started(self) -> float | None:
        """Seconds since the epoch."""
        pid = self.pid()
        process = None if pid is None else (self._table or table()).look(pid)
        return None if process is None else time.time() - process.uptime

    def channels(self) -> Channels | None:
        """From `gateway_state.json`, which stays as it was after a kill: only beside a process."""
        if self.pid() is None:
            return None
        platforms = section(load(self.folder / "gateway_state.json"), "platforms")
        states = [_word(one) for one in islice(platforms.values(), 1000)]
        return Channels(sum(1 for state in states if state in LOST), len(states))

    def beat(self) -> float | None:
        """Seconds since the epoch of its last own heartbeat, every 30 s."""
        try:
            return (self.folder / "state" / "gateway.heartbeat").stat().st_mtime
        except OSError:
            return None


def _word(platform: object) -> str:
    state = platform.get("state") if isinstance(platform, Mapping) else None
    return state if isinstance(state, str) else ""


def instances(config: Config) -> list[Instance]:
    """The homes and profiles that a gateway has run in, and the usual home in any case."""
    home = config.path("FLEET_AGENT_HOME")
    places = [home] if home else [user / ".hermes" for user in homes("hermes")]
    return [one for place in distinct(places) for one in _of_home(place)]


def _of_home(home: Path) -> Iterator[Instance]:
    if is_there(home / SETTINGS) is not False or is_there(home / "gateway.lock"):
        yield seen(home)
    with suppress(OSError), os.scandir(home / "profiles") as entries:
        for name in sorted(entry.name for entry in islice(entries, _MOST_PROFILES)):
            if is_there(home / "profiles" / name / "gateway.lock") is not False:
                yield seen(home / "profiles" / name)


def seen(folder: Path) -> Instance:
    instance = Instance(folder, folder, folder / SETTINGS)
    if is_there(folder / SETTINGS) is None:
        return replace(instance, denied=True)
    return replace(instance, pid=Gateway(folder).pid())


def chosen(config: Config) -> Chosen:
    """
    Raises:
        ConfigError: there are two, and none is named.
    """
    home = (config.path("FLEET_AGENT_HOME") or Path(USUAL).expanduser()).absolute()

    def named(word: str) -> Instance:
        if is_name(word):
            return seen(home if word == "default" else home / "profiles" / word)
        place = Path(word).expanduser().absolute()
        return seen(place.parent if place.suffix == ".yaml" else place)

    usual = Instance(home, home, home / SETTINGS)
    return choose(config, "Hermes", instances(config), named, usual, variable="HERMES_HOME")
