"""Which of an agent's instances on this machine is watched, and why; between two nobody guesses."""

from __future__ import annotations

import os
import re
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import Final

from agent_sidecar.config import Config
from agent_sidecar.kinds.documents import is_there
from agent_sidecar.probes.processes import table
from fleet.contract.errors import ConfigError
from fleet.contract.named_process import owners

_MOST_ENTRIES: Final = 4096
"""Of a home folder, looked through for profiles."""

MOST_PROCESSES: Final = 64


@dataclass(frozen=True, slots=True)
class Instance:
    """One instance of an agent on this machine.

    Attributes:
        place: what `FLEET_INSTANCE` says to choose it.
        folder: where it keeps its state.
        settings: its configuration file.
        pid: its process, where one is seen.
        port: where it listens, if it does.
        denied: it is there, and may not be looked at by this user.
    """

    place: Path
    folder: Path
    settings: Path
    pid: int | None = None
    port: int | None = None
    denied: bool = False

    def described(self) -> str:
        """For eyes on this machine."""
        if self.denied:
            return f"{self.place}: denied; uid {os.geteuid()} may not look into it"
        seen = f"process {self.pid}" if self.pid else "no process is seen"
        return f"{self.place}: {seen}" + (f", port {self.port}" if self.port else "")

    def hidden(self) -> str:
        """Why its files tell nothing of its process, or empty: denied is not absent."""
        if is_there(self.settings) is not None:
            return ""
        return f"denied: uid {os.geteuid()} may not look into {self.folder}"

    def unread(self) -> str:
        """Why its port is but the usual one, or empty."""
        if os.access(self.settings, os.R_OK) or is_there(self.settings) is False:
            return ""
        return f"denied: uid {os.geteuid()} may not read {self.settings}, which may name the port"


@dataclass(frozen=True, slots=True)
class Chosen:
    """The watched instance, with a plain sentence on why it is this one."""

    instance: Instance
    why: str

    def told(self) -> list[str]:
        """What `check` says beside it."""
        hidden = self.instance.hidden()
        how = "run the sidecar as the agent's user, or let its user read the folder"
        return [f"{hidden}: {how}"] if hidden else []


def choose(
    config: Config,
    product: str,
    found: Sequence[Instance],
    named: Callable[[str], Instance],
    usual: Instance,
    variable: str = "",
) -> Chosen:
    """The instance that the settings name, or the only one that is found.

    Args:
        product: the name of the agent's program.
        named: the instance that a home, profile or configuration file means.
        usual: the instance where none is found: it may come yet.
        variable: of the agent's own environment, which is ours too where `exec` starts it.

    Raises:
        ConfigError: there are two, and none is named.
    """
    text = config.text("FLEET_INSTANCE")
    if text:
        return Chosen(named(text), "FLEET_INSTANCE names it")
    home = bool(config.text("FLEET_AGENT_HOME"))
    if not home and variable and (text := os.environ.get(variable, "")):
        return Chosen(named(text), f"{variable} names it")
    if len(found) > 1:
        raise ConfigError(
            f"{len(found)} instances of {product} are here, and none is chosen",
            "; ".join(instance.described() for instance in found[:8]),
            f"FLEET_INSTANCE={found[0].place}",
        )
    if home:
        return Chosen(found[0] if found else usual, "FLEET_AGENT_HOME names its folder")
    if found:
        return Chosen(found[0], "it is the only one in a usual place")
    return Chosen(usual, "it is the usual place, and none is found")


def homes(title: str) -> list[Path]:
    """Home folders to look in: this user's, and those of who runs a process of that title."""
    import pwd

    found = [Path("~").expanduser()]
    for pid in islice(table().named(title), MOST_PROCESSES):
        for uid in owners(pid):
            try:
                found.append(Path(pwd.getpwuid(uid).pw_dir))
            except KeyError:  # a user of numbers only, as in a container
                continue
    return list(distinct(found))


def is_name(text: str) -> bool:
    """Whether it is the name of a profile and not a path."""
    return re.fullmatch(r"[A-Za-z0-9][A-Za-z0-9_-]{0,63}", text) is not None


def folders(home: Path, prefix: str) -> Iterator[Path]:
    """Folders in `home` called `prefix` or `prefix-NAME`."""
    try:
        with os.scandir(home) as entries:
            names = [entry.name for entry in islice(entries, _MOST_ENTRIES)]
    except OSError:
        names = [prefix]  # it may be entered though it may not be listed
    for name in sorted(names):
        if name == prefix or name.startswith(f"{prefix}-"):
            yield home / name


def distinct(paths: Iterable[Path]) -> Iterator[Path]:
    """Each place once, whatever links lead to it."""
    seen = set()
    for path in paths:
        try:
            real = path.resolve()
        except (OSError, RuntimeError):
            real = path
        if real not in seen:
            seen.add(real)
            yield path
