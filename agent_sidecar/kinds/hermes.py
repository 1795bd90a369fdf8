"""Hermes: its pid, state and heartbeat files, its job list and its databases in numbers.

Its HTTP server is off by default, needs a key that also permits running the agent, and answers `ok`
with the provider down: the files say more. `.env`, prompts, titles, users and errors are passed by.
"""

from __future__ import annotations

import time
from typing import Final

from agent_sidecar.config import Config
from agent_sidecar.kinds import common, hermes_gateway, hermes_records
from agent_sidecar.kinds.hermes_config import is_yaml
from agent_sidecar.kinds.hermes_gateway import SETTINGS, Gateway, instances
from agent_sidecar.probes.base import Assembly, Probe
from agent_sidecar.probes.channels import ChannelsProbe
from agent_sidecar.probes.config_file import ConfigFile
from agent_sidecar.probes.cron import CronProbe
from agent_sidecar.probes.installed import InstalledProbe
from agent_sidecar.probes.own_heartbeat import OwnHeartbeatProbe
from agent_sidecar.probes.usage import UsageProbe
from fleet.contract.vocabulary import Kind

__all__ = ["assemble", "instances"]

PROFILE: Final = ("config.yaml", "SOUL.md", "skills", "hooks")

LATE: Final = 150.0
"""Seconds without its own heartbeat, which is due every 30."""


def assemble(config: Config) -> Assembly:
    chosen = hermes_gateway.chosen(config)
    folder = chosen.instance.folder
    gateway = Gateway(folder)
    find = common.find_pid(config, gateway.pid)
    checked = ConfigFile(folder / SETTINGS, lambda path: is_yaml(path, gateway.reader()))

    def elsewhere() -> bool | str:
        """A heartbeat without a process: it runs in another container."""
        return chosen.instance.hidden() or fresh(gateway.beat())

    probes: list[Probe] = [
        *common.process_probes(
            config,
            find,
            f"pid and start_time in gateway.pid and gateway.lock of {folder}",
            elsewhere,
            lambda: folder,
        ),
        OwnHeartbeatProbe(
            gateway.beat,
            lambda: gateway.pid() is not None,
            LATE,
            "the time of change of state/gateway.heartbeat",
        ),
        *common.endpoint_probes(config),
        ChannelsProbe(gateway.channels, "the state of each platform in gateway_state.json"),
        UsageProbe(
            config,
            lambda: hermes_records.calls(folder),
            "sums of calls and tokens, and the newest time of each role, in state.db",
        ),
        *common.schedule_probes(
            config,
            lambda: hermes_records.due(folder),
            "enabled, next_run_at and schedule.minutes in cron/jobs.json, runs in executions.db",
        ),
        CronProbe(
            lambda: hermes_records.outcomes(folder, time.time()),
            "enabled, last_status and last_run_at in cron/jobs.json, status in executions.db",
        ),
        InstalledProbe("hermes_agent", gateway.python, gateway.started),
        *common.profile_probes(config, [folder / name for name in PROFILE], checked.valid),
        *common.machine_probes(config),
    ]
    found = [
        f"Hermes's home is {folder}: {chosen.why}",
        "its health endpoint is asked where FLEET_ENDPOINT names one",
        *chosen.told(),
    ]
    return Assembly(
        Kind.HERMES.value,
        probes,
        found,
        pid=find or (lambda: None),
        valid=checked.valid,
        lives=common.lives(config, find, elsewhere),
    )


def fresh(beat: float | None) -> bool:
    return beat is not None and time.time() - beat <= LATE
