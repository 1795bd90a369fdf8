"""nanobot: its run file, health endpoint, job list, usage database and installed version.

Free text stands beside the numbers in most of them (messages, prompts, errors, keys). Only the
fields named here are looked at, and only numbers and closed words leave.
"""

from __future__ import annotations

import json
import time
from collections.abc import Mapping
from contextlib import suppress
from datetime import datetime
from pathlib import Path
from typing import Any, Final

from agent_sidecar.config import Config
from agent_sidecar.kinds import common
from agent_sidecar.kinds.nanobot_calls import UsageLog
from agent_sidecar.probes.base import Assembly, Probe
from agent_sidecar.probes.cron import CronProbe, Outcomes
from agent_sidecar.probes.endpoint import EndpointProbe, HealthReading
from agent_sidecar.probes.installed import InstalledProbe
from agent_sidecar.probes.processes import ProcTable, Table, table
from agent_sidecar.probes.usage import UsageProbe
from fleet.contract.named_process import may_name
from fleet.contract.trusted_path import read_plain
from fleet.contract.vocabulary import Check, Kind

PORT: Final = 18790
PROFILE: Final = ("SOUL.md", "USER.md", "AGENTS.md", "HEARTBEAT.md", "skills")
"""Without `memory/MEMORY.md`: nanobot writes that itself all the time, which is no drift."""

FRESH: Final = 86_400.0
"""Seconds that the failure of a job counts which ran once and is switched off since."""

_MAX_FILE: Final = 4 * 1024 * 1024


def home(config: Config) -> Path:
    return (config.path("FLEET_AGENT_HOME") or Path("~/.nanobot").expanduser()).absolute()


def looks_like(config: Config) -> bool:
    return (home(config) / "config.json").is_file()


class Gateway:
    """What `run/gateway.json` says of the running gateway, asked anew at each look.

    The sidecar may well start before the gateway, and the gateway come back elsewhere.
    """

    def __init__(self, folder: Path, processes: Table | None = None) -> None:
        self.run_file = folder / "run" / "gateway.json"
        self._table = processes or table()
        settings = load(folder / "config.json")
        defaults = _object(_object(settings, "agents"), "defaults")
        self._port = _object(settings, "gateway").get("port")
        self._workspace = _text(defaults, "workspace")
        self._folder = folder

    def pid(self) -> int | None:
        """Its process, unless another one got its number since: a kill leaves the file behind."""
        document = load(self.run_file)
        pid, identity = document.get("pid"), _text(document, "identity")
        if not isinstance(pid, int) or isinstance(pid, bool) or pid <= 0:
            return None
        if not may_name(self.run_file, pid):
            return None
        process = self._table.look(pid)
        began = identity.rpartition(":")[2]
        if process and isinstance(self._table, ProcTable) and began.isdecimal():
            return pid if int(began) == process.ticks else None
        return pid

    def url(self) -> str:
        port = load(self.run_file).get("port")
        chosen = next((one for one in (port, self._port) if _is_port(one)), PORT)
        return f"http://127.0.0.1:{chosen}/health"

    def workspace(self) -> Path:
        named = _text(load(self.run_file), "workspace") or self._workspace
        return Path(named).expanduser() if named else self._folder / "workspace"

    def settings(self) -> Path:
        return Path(_text(load(self.run_file), "config_path") or self._folder / "config.json")

    def python(self) -> Path | None:
        """The interpreter it was started with: its version is installed there."""
        command = load(self.run_file).get("command")
        first = command[0] if isinstance(command, list) and command else None
        return Path(first) if isinstance(first, str) else None

    def started(self) -> float | None:
        """Seconds since the epoch."""
        with suppress(ValueError):
            return datetime.fromisoformat(_text(load(self.run_file), "started_at")).timestamp()
        return None

    def health(self, document: Mapping[str, Any]) -> HealthReading | None:
        """An answer of `/health`; that it came proves that the run file is of this gateway."""
        reading = health(document)
        started = self.started()
        if reading is None or started is None:
            return reading
        return HealthReading(reading.check, uptime=max(0.0, time.time() - started))


def assemble(config: Config) -> Assembly:
    folder = home(config)
    gateway = Gateway(folder)
    usage = UsageLog(folder / "llm_usage.sqlite3")
    find = common.find_pid(config, gateway.pid)
    slow, timeout = common.timing(config)
    url = config.text("FLEET_ENDPOINT") or gateway.url
    settings = gateway.settings()
    jobs = gateway.workspace() / "cron" / "jobs.json"
    profile = [settings, *(gateway.workspace() / name for name in PROFILE)]
    endpoint = EndpointProbe(
        url, gateway.health, slow=slow, timeout=timeout, keys="status and ready"
    )
    probes: list[Probe] = [
        # Somebody listens though no process is seen: it runs in another container.
        *common.process_probes(config, find, f"pid of {gateway.run_file}", endpoint.reachable),
        endpoint,
        UsageProbe(config, usage.read, "numbers, times and sources of calls in llm_usage.sqlite3"),
        CronProbe(
            lambda: outcomes(gateway.workspace() / "cron" / "jobs.json", usage, time.time()),
            f"enabled, state.lastStatus and state.lastRunAtMs of the jobs in {jobs}",
        ),
        *common.profile_probes(config, profile, must_parse=settings),
        InstalledProbe("nanobot_ai", gateway.python, gateway.started),
        *common.machine_probes(config),
    ]
    found = [
        f"nanobot's folder is {folder}, its workspace {gateway.workspace()}",
        f"its gateway listens on {url if isinstance(url, str) else url()}",
    ]
    # nanobot watches its configuration and applies it at the next turn: nothing to trigger.
    return Assembly(Kind.NANOBOT.value, probes, found, "none", find or (lambda: None))


def health(document: Mapping[str, Any]) -> HealthReading | None:
    """nanobot's `/health`: `status` ok or degraded, `ready` true or false."""
    if document.get("status") not in ("ok", "degraded") or "ready" not in document:
        return None
    good = document["status"] == "ok" and document["ready"] is True
    return HealthReading(Check.PASS if good else Check.WARN)


def outcomes(path: Path, usage: UsageLog, now: float) -> Outcomes | None:
    """The job list's own word, and that of the calls its jobs made."""
    jobs = load(path).get("jobs")
    if not isinstance(jobs, list):
        return None
    failed = sum(1 for job in jobs if isinstance(job, dict) and _failed(job, now))
    return Outcomes(len(jobs), max(failed, int(usage.jobs_fail)))


def _failed(job: Mapping[str, Any], now: float) -> bool:
    """A job that somebody switched off is no failure; one that switched itself off is, a while."""
    state = _object(job, "state")
    if state.get("lastStatus") != "error":
        return False
    ran = state.get("lastRunAtMs")
    recent = isinstance(ran, int | float) and now - ran / 1000 <= FRESH
    return job.get("enabled") is not False or recent


def load(path: Path) -> dict[str, Any]:
    try:
        document = json.loads(read_plain(path, _MAX_FILE))
    except (OSError, ValueError, RecursionError):
        return {}
    return document if isinstance(document, dict) else {}


def _object(document: Mapping[str, Any], name: str) -> Mapping[str, Any]:
    value = document.get(name)
    return value if isinstance(value, dict) else {}


def _text(document: Mapping[str, Any], name: str) -> str:
    value = document.get(name)
    return value if isinstance(value, str) else ""


def _is_port(value: object) -> bool:
    return isinstance(value, int) and not isinstance(value, bool) and 0 < value < 65_536
