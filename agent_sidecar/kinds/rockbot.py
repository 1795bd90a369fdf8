"""RockBot: no health endpoint on the agent host, so its process and its profile files.

Its discovery card on RabbitMQ holds prose beside name and version; the sidecar does not join
that exchange: a second way onto another bus is not operations.
"""

from __future__ import annotations

from pathlib import Path
from typing import Final

from agent_sidecar.config import Config
from agent_sidecar.kinds import common
from agent_sidecar.kinds.documents import is_there
from agent_sidecar.kinds.instances import Instance
from agent_sidecar.probes.base import Assembly, Probe
from agent_sidecar.probes.process import by_name
from fleet.contract.vocabulary import Kind

PROFILE: Final = ("soul.md", "directives.md", "style.md", "mcp.json", "skills")


def home(config: Config) -> Path:
    given = config.path("FLEET_INSTANCE") or config.path("FLEET_AGENT_HOME")
    return given or Path("/data/agent")


def instances(config: Config) -> list[Instance]:
    """One a machine: its place is fixed, unless `FLEET_AGENT_HOME` names another."""
    folder = home(config)
    there = [is_there(folder / name) for name in ("soul.md", "directives.md")]
    if False in there:
        return []
    return [Instance(folder, folder, folder / "soul.md", denied=None in there)]


def assemble(config: Config) -> Assembly:
    folder = home(config)
    looked, unseen = common.once_seen(by_name("RockBot.Agent"))
    find = common.find_pid(config)
    probes: list[Probe] = [
        *(
            common.process_probes(config, find, "the process that the settings name")
            if find
            else common.process_probes(config, looked, "the program RockBot.Agent", unseen)
        ),
        *common.work_probes(config),
        *common.cron_probes(config),
        *common.profile_probes(config, [folder / name for name in PROFILE]),
        *common.machine_probes(config),
    ]
    found = [f"RockBot's profile is in {folder}", "it has no health endpoint"]
    return Assembly(
        Kind.ROCKBOT.value,
        probes,
        found,
        pid=find or looked,
        lives=common.lives(config, find) if find else common.lives(config, looked, unseen),
    )
