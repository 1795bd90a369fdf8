"""Any other process: what the settings name, and nothing else."""

from __future__ import annotations

from agent_sidecar.config import Config
from agent_sidecar.kinds import common
from agent_sidecar.probes.base import Assembly
from fleet.contract.vocabulary import Kind


def assemble(config: Config) -> Assembly:
    find = common.find_pid(config)
    described = config.text("FLEET_PID_FILE") or f"the program {config.text('FLEET_PROCESS')}"
    probes = common.process_probes(config, find, described, tells_version=True)
    probes += common.endpoint_probes(config)
    probes += common.work_probes(config)
    probes += common.cron_probes(config)
    found = [] if find else ["no process is watched: FLEET_PID_FILE or FLEET_PROCESS names one"]
    if not probes:
        from agent_sidecar.probes.unwatched import WHY, UnwatchedProbe

        probes.append(UnwatchedProbe())
        found = [WHY]
    probes += common.profile_probes(config)
    probes += common.machine_probes(config)
    return Assembly(
        Kind.GENERIC.value,
        probes,
        found,
        pid=find or (lambda: None),
        lives=common.lives(config, find),
    )
