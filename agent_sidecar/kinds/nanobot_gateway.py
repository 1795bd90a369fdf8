"""nanobot's gateways by their run files: `run/gateway.json`, and `run/gateway.HASH.json` of one
that was started with `-c FILE`, beside that file."""

from __future__ import annotations

import os
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import replace
from datetime import datetime
from itertools import islice
from pathlib import Path
from typing import Any, Final

from agent_sidecar.config import Config
from agent_sidecar.kinds.documents import expanded, is_there, load, port, section, text
from agent_sidecar.kinds.instances import Chosen, Instance, choose, distinct, homes
from agent_sidecar.probes.only_process import only_process
from agent_sidecar.probes.other_namespaces import as_seen_by, has_own_files
from agent_sidecar.probes.processes import Table, command_line, home_of, table
from agent_sidecar.probes.recorded import recorded

PORT: Final = 18790
TITLE: Final = "nanobot-gateway"
OLD_TITLE: Final = "nanobot gateway"
"""The command line of 0.3.0 and older, which write no run file and keep their name."""

SETTINGS: Final = "config.json"
USUAL: Final = "~/.nanobot"

_MOST_ENTRIES: Final = 256
"""Of the folder of run files: the agent can make any number of them."""


class Gateway:
    """What the run file of one configuration says, asked anew at each look: the sidecar may well
    start before the gateway, and the gateway come back elsewhere.

    Args:
        settings: the configuration file; empty: the folder's own.
        run_file: the one that is meant where two gateways share a configuration.
    """

    def __init__(
        self,
        folder: Path,
        processes: Table | None = None,
        settings: Path | None = None,
        run_file: Path | None = None,
    ) -> None:
        self._folder = folder
        self._table = processes
        self._settings = settings or folder / SETTINGS
        self._run_file = run_file
        document = load(self._settings)
        self._port = port(section(document, "gateway"))
        self._workspace = text(section(section(document, "agents"), "defaults"), "workspace")

    @classmethod
    def of(cls, instance: Instance) -> Gateway:
        fixed = instance.place if instance.place.parent.name == "run" else None
        return cls(instance.folder, settings=instance.settings, run_file=fixed)

    @property
    def run_folder(self) -> Path:
        return self._folder / "run"

    @property
    def run_file(self) -> Path:
        """Of the living gateway, or else of the last one."""
        if self._run_file:
            return self._run_file
        mine = [path for path in run_files(self._folder) if self._is_mine(path, load(path))]
        living = [path for path in mine if self._process(path, load(path))]
        return next(iter(living or mine), self.run_folder / "gateway.json")

    def pid(self) -> int | None:
        """Its process, unless another one got its number since: a kill leaves the file behind."""
        return self._living()[0]

    def _living(self) -> tuple[int | None, Mapping[str, Any]]:
        """Its process, and what its run file says of it; without one, what the last file says."""
        path = self.run_file
        said = load(path)
        pid = self._process(path, said) if self._is_mine(path, said) else None
        if pid is None and not self._run_file:
            # 0.3.0 and older; a run file there may be of a newer one that was gone back from.
            pid = only_process(OLD_TITLE, self._user, processes=self._table, mine=self._may_be)
            return pid, {} if pid else said
        return pid, said

    def port(self) -> int:
        """The living gateway's own word, or its configuration's, or that of the last one, which
        may live where its process is not to be seen."""
        pid, said = self._living()
        alive = port(said) if pid else None
        return alive or self._port or port(said) or PORT

    def url(self) -> str:
        return f"http://127.0.0.1:{self.port()}/health"

    def workspace(self) -> Path:
        pid, said = self._living()
        found = expanded(text(said, "workspace") or self._workspace, self._folder)
        if found is None:
            return self._folder / "workspace"
        home = home_of(pid) if pid is not None and has_own_files(pid) else None
        if home and found.is_relative_to(home / ".nanobot"):  # in a volume that is our folder
            return self._folder / found.relative_to(home / ".nanobot")
        return as_seen_by(pid, found)

    def settings(self) -> Path:
        return self._settings

    def python(self) -> Path | None:
        """The interpreter it was started with: its version is installed there."""
        pid, said = self._living()
        command = said.get("command")
        if not isinstance(command, list):  # 0.3.0 and older
            command = [] if pid is None else command_line(pid)
        first = command[0] if command else None
        return as_seen_by(pid, Path(first)) if isinstance(first, str) and first else None

    def started(self) -> float | None:
        """Seconds since the epoch."""
        pid, said = self._living()
        with suppress(ValueError):
            return datetime.fromisoformat(text(said, "started_at")).timestamp()
        process = None if pid is None else (self._table or table()).look(pid)
        return None if process is None else time.time() - process.uptime

    def _user(self) -> int | None:
        try:
            return self._folder.stat().st_uid
        except OSError:
            return None

    def _may_be(self, pid: int) -> bool:
        """Whether it was started with this configuration: by its command line, or by its home.
        Where its environment is closed to us, by its user's home."""
        home = home_of(pid) or _home_of_user(self._user())
        if home is None:
            return False
        named = Path(_option(command_line(pid)) or f"~/.nanobot/{SETTINGS}")
        if named.parts[0] == "~":
            named = home.joinpath(*named.parts[1:])
        here = as_seen_by(pid, named) if named.is_absolute() else Path(f"/proc/{pid}/cwd", named)
        try:
            return here.samefile(self._settings)
        except OSError:
            return named == self._settings

    def _is_mine(self, path: Path, said: Mapping[str, Any]) -> bool:
        named = configuration(self._folder, said)
        if text(said, "config_path"):  # by a path of its own, if it is a container's
            named = as_seen_by(self._process(path, said), named)
        return same_file(named, self._settings)

    def _process(self, path: Path, said: Mapping[str, Any]) -> int | None:
        began = text(said, "identity").rpartition(":")[2]
        ticks = int(began) if began.isdecimal() and len(began) < 20 else None
        return recorded(path, said.get("pid"), ticks, self._table)


def _option(words: Sequence[str]) -> str | None:
    """The configuration file that a command line names."""
    for word, after in zip(words, [*words[1:], ""], strict=True):
        if word in ("-c", "--config"):
            return after
        if word.startswith("--config="):
            return word.partition("=")[2]
    return None


def _home_of_user(uid: int | None) -> Path | None:
    import pwd

    with suppress(KeyError):
        return None if uid is None else Path(pwd.getpwuid(uid).pw_dir)
    return None


def run_files(folder: Path) -> list[Path]:
    """The default gateway's first."""
    with suppress(OSError), os.scandir(folder / "run") as entries:
        names = [entry.name for entry in islice(entries, _MOST_ENTRIES)]
        right = (name for name in names if name.startswith("gateway.") and name.endswith(".json"))
        return [folder / "run" / name for name in sorted(right, key=lambda name: (len(name), name))]
    return []


def configuration(folder: Path, said: Mapping[str, Any]) -> Path:
    """The configuration file that a run file speaks of, which lies in the folder above it: in a
    volume that has another path here."""
    named = expanded(text(said, "config_path"))
    if named is None:
        return folder / SETTINGS
    beside = folder / named.name
    return beside if is_there(named) is False and is_there(beside) else named


def same_file(one: Path, other: Path) -> bool:
    """What is not there, as a path of another container, is told by its name alone."""
    try:
        return one.samefile(other)
    except OSError:
        there = is_there(one)
        return one == other if there is not False else one.name == other.name


def instances(config: Config) -> list[Instance]:
    """Those that this user may see, and those that it may not look into."""
    home = config.path("FLEET_AGENT_HOME")
    places = [home] if home else [user / ".nanobot" for user in homes(TITLE)]
    return [one for place in distinct(places) for one in _of_folder(place)]


def _of_folder(folder: Path) -> Iterator[Instance]:
    known: list[Instance] = []
    usual = folder / SETTINGS
    if is_there(usual) is None:
        known.append(Instance(folder, folder, usual, denied=True))
    elif is_there(usual):
        known.append(seen(usual, folder, usual))
    for path in run_files(folder):
        settings = configuration(folder, load(path))
        if is_there(settings) is False or any(same_file(settings, k.settings) for k in known):
            continue
        known.append(seen(settings, folder, settings))
    yield from known


def seen(place: Path, folder: Path, settings: Path) -> Instance:
    instance = Instance(place, folder, settings, denied=is_there(settings) is None)
    gateway = Gateway.of(instance)
    return replace(instance, pid=gateway.pid(), port=gateway.port())


def chosen(config: Config) -> Chosen:
    """
    Raises:
        ConfigError: there are two, and none is named.
    """

    def named(word: str) -> Instance:
        place = Path(word).expanduser().absolute()
        if place.parent.name == "run" and place.suffix == ".json":
            folder = place.parent.parent
            return seen(place, folder, configuration(folder, load(place)))
        if place.suffix == ".json":
            return seen(place, place.parent, place)
        return seen(place, place, place / SETTINGS)

    folder = (config.path("FLEET_AGENT_HOME") or Path(USUAL).expanduser()).absolute()
    usual = Instance(folder, folder, folder / SETTINGS)
    return choose(config, "nanobot", instances(config), named, usual)
