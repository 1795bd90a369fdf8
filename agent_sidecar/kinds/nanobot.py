"""nanobot: its run file, health endpoint, job list, usage database and installed version.

Free text stands beside the numbers in most of them (messages, prompts, errors, keys). Only the
fields named here are looked at, and only numbers and closed words leave.
"""

from __future__ import annotations

import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

from agent_sidecar.config import Config
from agent_sidecar.kinds import common, nanobot_gateway
from agent_sidecar.kinds.documents import is_json, job_list, load, nearest, section
from agent_sidecar.kinds.nanobot_calls import UsageLog
from agent_sidecar.kinds.nanobot_gateway import Gateway, instances
from agent_sidecar.probes.base import Assembly, Probe
from agent_sidecar.probes.config_file import ConfigFile
from agent_sidecar.probes.cron import CronProbe, Outcomes
from agent_sidecar.probes.endpoint import EndpointProbe, HealthReading
from agent_sidecar.probes.installed import InstalledProbe
from agent_sidecar.probes.overdue import Due, seconds
from agent_sidecar.probes.usage import UsageProbe
from fleet.contract.vocabulary import Check, Kind

PROFILE: Final = ("SOUL.md", "USER.md", "AGENTS.md", "HEARTBEAT.md", "skills")
"""Without `memory/MEMORY.md`: nanobot writes that itself all the time, which is no drift."""

__all__ = ["assemble", "instances"]

FRESH: Final = 86_400.0
"""Seconds that the failure of a job counts which ran once and is switched off since."""


def assemble(config: Config) -> Assembly:
    chosen = nanobot_gateway.chosen(config)
    folder = chosen.instance.folder
    gateway = Gateway.of(chosen.instance)
    usage = UsageLog(folder / "llm_usage.sqlite3")
    find = common.find_pid(config, gateway.pid)
    slow, timeout = common.timing(config)
    url = config.text("FLEET_ENDPOINT") or gateway.url
    guessed = (lambda: "") if isinstance(url, str) else chosen.instance.unread
    settings = gateway.settings()
    checked = ConfigFile(settings, is_json)
    jobs = gateway.workspace() / "cron" / "jobs.json"
    profile = [settings, *(gateway.workspace() / name for name in PROFILE)]

    def judge(document: Mapping[str, Any]) -> HealthReading | None:
        """That an answer came proves that the run file is of this gateway."""
        reading, started = health(document), gateway.started()
        if reading is None or started is None:
            return reading
        return HealthReading(reading.check, uptime=max(0.0, time.time() - started))

    endpoint = EndpointProbe(
        url, judge, slow=slow, timeout=timeout, keys="status and ready", guessed=guessed
    )

    def elsewhere() -> bool | str:
        """Somebody listens though no process is seen: it runs in another container."""
        return chosen.instance.hidden() or endpoint.reachable()

    probes: list[Probe] = [
        *common.process_probes(
            config,
            find,
            f"pid and identity in {gateway.run_file}; without one the command line and HOME of "
            "`nanobot gateway`",
            elsewhere,
            lambda: nearest(gateway.run_folder, folder),
        ),
        endpoint,
        UsageProbe(config, usage.read, "numbers, times and sources of calls in llm_usage.sqlite3"),
        *common.schedule_probes(
            config,
            lambda: due(gateway.workspace() / "cron" / "jobs.json"),
            f"enabled, state.nextRunAtMs and schedule.everyMs of the jobs in {jobs}",
        ),
        CronProbe(
            lambda: outcomes(gateway.workspace() / "cron" / "jobs.json", usage, time.time()),
            f"enabled, state.lastStatus and state.lastRunAtMs of the jobs in {jobs}",
        ),
        *common.profile_probes(config, profile, checked.valid),
        InstalledProbe("nanobot_ai", gateway.python, gateway.started),
        *common.machine_probes(config),
    ]
    found = [
        f"nanobot's folder is {folder}: {chosen.why}",
        f"its configuration is {settings}, its workspace {gateway.workspace()}",
        f"its gateway listens on {url if isinstance(url, str) else url()}",
        *chosen.told(),
    ]
    # nanobot watches its configuration and applies it at the next turn: nothing to trigger.
    return Assembly(
        Kind.NANOBOT.value,
        probes,
        found,
        "none",
        find or (lambda: None),
        checked.valid,
        lives=common.lives(config, find, elsewhere),
    )


def health(document: Mapping[str, Any]) -> HealthReading | None:
    """nanobot's `/health`: `status` ok or degraded, `ready` true or false. 0.3.0 and older have
    `status` alone."""
    if document.get("status") not in ("ok", "degraded"):
        return None
    if "ready" not in document and len(document) > 1:
        return None
    good = document["status"] == "ok" and document.get("ready", True) is True
    return HealthReading(Check.PASS if good else Check.WARN)


def due(path: Path) -> list[Due] | None:
    """nanobot moves `nextRunAtMs` on when a run is over: while a model hangs, it is in the past."""
    return job_list(path, _due)


def _due(job: Mapping[str, Any]) -> Due | None:
    at = seconds(section(job, "state").get("nextRunAtMs"), 1000)
    period = seconds(section(job, "schedule").get("everyMs"), 1000)
    return Due(at, period) if job.get("enabled") is True else None


def outcomes(path: Path, usage: UsageLog, now: float) -> Outcomes | None:
    """The job list's own word, and that of the calls its jobs made."""
    jobs = load(path).get("jobs")
    if not isinstance(jobs, list):
        return None
    failed = sum(1 for job in jobs if isinstance(job, dict) and _failed(job, now))
    return Outcomes(len(jobs), max(failed, int(usage.jobs_fail)))


def _failed(job: Mapping[str, Any], now: float) -> bool:
    """A job that somebody switched off is no failure; one that switched itself off is, a while."""
    state = section(job, "state")
    if state.get("lastStatus") != "error":
        return False
    ran = state.get("lastRunAtMs")
    recent = isinstance(ran, int | float) and now - ran / 1000 <= FRESH
    return job.get("enabled") is not False or recent
