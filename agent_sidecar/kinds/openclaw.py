"""OpenClaw: three health endpoints and its configuration file.

`openclaw health --json` and the state databases hold prompts, paths and credentials; neither is
opened. Unknown paths of its port answer 200 with HTML, so type and keys are checked.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Final

from agent_sidecar.config import Config
from agent_sidecar.kinds import common, openclaw_instances
from agent_sidecar.kinds.documents import MAX_FILE, expanded, is_json5, load_json5, section, text
from agent_sidecar.kinds.openclaw_health import channels, live, ready, running, startup
from agent_sidecar.kinds.openclaw_instances import elsewhere, instances
from agent_sidecar.kinds.openclaw_jobs import Jobs
from agent_sidecar.kinds.openclaw_program import PATIENCE, Program
from agent_sidecar.probes.base import Assembly, Probe
from agent_sidecar.probes.channels import ChannelsProbe
from agent_sidecar.probes.config_file import ConfigFile
from agent_sidecar.probes.cron import CronProbe
from agent_sidecar.probes.endpoint import GRACE, EndpointProbe, ask, parse
from agent_sidecar.probes.versions import VersionProbe
from fleet.contract.trusted_path import read_plain
from fleet.contract.vocabulary import Kind

__all__ = ["assemble", "elsewhere", "instances"]

PROFILE: Final = (
    *("SOUL.md", "USER.md", "AGENTS.md", "IDENTITY.md", "TOOLS.md", "HEARTBEAT.md"),
    "skills",
)


def assemble(config: Config) -> Assembly:
    chosen = openclaw_instances.chosen(config)
    folder, settings = chosen.instance.folder, chosen.instance.settings
    gateway = openclaw_instances.gateway_of(chosen.instance, config)
    given = config.text("FLEET_ENDPOINT").rstrip("/")
    find = common.find_pid(config, gateway.pid)

    def at(path: str) -> Callable[[], str]:
        return lambda: f"{given or f'http://127.0.0.1:{gateway.port()}'}{path}"

    checked = ConfigFile(settings, lambda path: is_json5(path) and program.accepts())
    program = Program(gateway.pid, folder, settings)
    slow, timeout = common.timing(config)
    defaults = section(section(load_json5(settings), "agents"), "defaults")
    workspace = expanded(text(defaults, "workspace"), folder) or folder / "workspace"
    files = [settings, folder / "skills", *(workspace / name for name in PROFILE)]
    asked = (
        ("/healthz", live, "ok and status"),
        ("/readyz", ready, "ready, uptimeMs and eventLoop.degraded"),
        ("/startupz", startup, "ok, version and uptimeMs"),
    )
    guessed = (lambda: "") if given else chosen.instance.unread
    endpoints = [
        EndpointProbe(at(path), judge, slow=slow, timeout=timeout, keys=keys, guessed=guessed)
        for path, judge, keys in asked
    ]

    def elsewhere() -> bool | str:
        """Somebody listens though no process is seen: it runs in another container."""
        return chosen.instance.hidden() or endpoints[0].reachable()

    probes: list[Probe] = [
        *common.process_probes(
            config,
            find,
            "pid and startTime of OpenClaw's gateway.state.lock",
            elsewhere,
            gateway.lock_folder,
        ),
        *endpoints,
        ChannelsProbe(
            lambda: channels(ask(*parse(at("/readyz")()), timeout)),
            "how many ids `failing` of GET /readyz lists",
            timeout + GRACE,
        ),
        *common.work_probes(config),
        *job_probes(
            config, Jobs(lambda: program.ask("cron", "list", "--all", "--json"), gateway.pid)
        ),
        VersionProbe(running(at("/startupz"), timeout), program.installed, timeout),
        *common.profile_probes(config, files, checked.valid, PATIENCE + GRACE),
        *common.machine_probes(config),
    ]
    found = [
        f"OpenClaw's folder is {folder}: {chosen.why}",
        f"its gateway listens on {at('')()}",
        *chosen.told(),
    ]
    # OpenClaw watches its configuration: a reload is only a new digest.
    return Assembly(
        Kind.OPENCLAW.value,
        probes,
        found,
        "none",
        find or (lambda: None),
        checked.valid,
        lambda: in_effect(settings),
        common.lives(config, find, elsewhere),
    )


def in_effect(settings: Path) -> bool | None:
    """The gateway keeps a copy of the configuration that it took last, and leaves it behind; None:
    it keeps none."""
    try:
        taken = read_plain(settings.with_name(f"{settings.name}.last-good"), MAX_FILE)
        return taken == read_plain(settings, MAX_FILE)
    except OSError:
        return None


def job_probes(config: Config, jobs: Jobs) -> list[Probe]:
    """By its own list; how they ended by the files that the settings name, where they do."""
    patience = PATIENCE + GRACE
    probes = common.schedule_probes(
        config, jobs.due, "enabled, nextRunAtMs and everyMs of `openclaw cron list`", patience
    )
    if config.text("FLEET_CRON_FILES") or not probes:
        return [*probes, *common.cron_probes(config)]
    reads = "enabled and lastStatus of `openclaw cron list`"
    return [*probes, CronProbe(jobs.outcomes, reads, patience)]
