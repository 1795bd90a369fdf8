"""OpenClaw's instances here: `~/.openclaw`, `--profile NAME` and `OPENCLAW_STATE_DIR`."""

from __future__ import annotations

from itertools import islice
from pathlib import Path

from agent_sidecar.config import Config
from agent_sidecar.kinds.documents import is_there, load_json5, port, section
from agent_sidecar.kinds.instances import (
    MOST_PROCESSES,
    Chosen,
    Instance,
    choose,
    distinct,
    folders,
    homes,
    is_name,
)
from agent_sidecar.kinds.openclaw_gateway import TITLE, Gateway, state_of
from agent_sidecar.probes.other_namespaces import has_own_files
from agent_sidecar.probes.processes import table

SETTINGS = "openclaw.json"
USUAL = "~/.openclaw"


def instances(config: Config) -> list[Instance]:
    """Those that this user may see, and those that it may not look into."""
    home = config.path("FLEET_AGENT_HOME")
    if home:
        places = [home]
    else:
        places = [one for user in homes(TITLE) for one in folders(user, ".openclaw")]
    found = (
        _seen(place, place / SETTINGS)
        for place in distinct(places)
        if is_there(place / SETTINGS) is not False
    )
    return list(found)


def elsewhere(config: Config) -> list[Instance]:
    """Those that run in a home that nothing leads to, by the databases that they have open."""
    if config.text("FLEET_AGENT_HOME"):
        return []
    known = [one.folder for one in instances(config)]
    running = (pid for pid in islice(table().named(TITLE), MOST_PROCESSES))
    states = (state_of(pid) for pid in running if not has_own_files(pid))
    found = list(distinct([*known, *filter(None, states)]))[len(known) :]
    return [_seen(place, place / SETTINGS) for place in found]


def chosen(config: Config) -> Chosen:
    """
    Raises:
        ConfigError: there are two, and none is named.
    """

    def named(text: str) -> Instance:
        if is_name(text):
            usual = Path(USUAL).expanduser()
            place = usual if text == "default" else usual.with_name(f"{usual.name}-{text}")
        else:
            place = Path(text).expanduser().absolute()
        if place.suffix == ".json":
            return _seen(place.parent, place)
        return _seen(place, place / SETTINGS)

    folder = config.path("FLEET_AGENT_HOME") or Path(USUAL).expanduser()
    usual = Instance(folder, folder, folder / SETTINGS)
    return choose(
        config, "OpenClaw", instances(config), named, usual, variable="OPENCLAW_STATE_DIR"
    )


def gateway_of(instance: Instance, config: Config) -> Gateway:
    def taken() -> frozenset[int]:
        others = (one for one in instances(config) if one.folder != instance.folder)
        return frozenset(one.pid for one in others if one.pid)

    return Gateway(instance.folder, lambda: configured_port(instance.settings), taken)


def configured_port(settings: Path) -> int | None:
    return port(section(load_json5(settings), "gateway"))


def _seen(folder: Path, settings: Path) -> Instance:
    gateway = Gateway(folder, lambda: configured_port(settings))
    denied = is_there(settings) is None
    pid = None if denied else gateway.locked()
    return Instance(folder, folder, settings, pid, None if denied else gateway.port(), denied)
