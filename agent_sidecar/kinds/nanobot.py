"""nanobot: its run file, health endpoint, job list and usage database.

Free text stands beside the numbers in all of them (messages, prompts, errors). Only the fields
named here are read, and only numbers and closed words leave.
"""

from __future__ import annotations

import json
import sqlite3
import subprocess
import time
from collections.abc import Mapping
from contextlib import closing
from pathlib import Path
from typing import Any, Final

from agent_sidecar.config import Config
from agent_sidecar.kinds import common
from agent_sidecar.probes.base import Assembly, Finding, Probe, Sign
from agent_sidecar.probes.endpoint import EndpointProbe, Reading
from agent_sidecar.probes.process import by_pid_file
from agent_sidecar.probes.usage import Usage, UsageProbe
from fleet.contract.words import AlertCode, Check, Kind, Plane

PORT: Final = 18790
PROFILE: Final = ("SOUL.md", "USER.md", "AGENTS.md", "HEARTBEAT.md", "memory/MEMORY.md")
_MAX_FILE: Final = 4 * 1024 * 1024


def home(config: Config) -> Path:
    return config.path("FLEET_AGENT_HOME") or Path("~/.nanobot").expanduser()


def looks_like(config: Config) -> bool:
    return (home(config) / "config.json").is_file()


def assemble(config: Config) -> Assembly:
    folder = home(config)
    run_file = folder / "run" / "gateway.json"
    gateway = _load(run_file)
    workspace = Path(_text(gateway, "workspace") or folder / "workspace")
    port = gateway.get("port") if isinstance(gateway.get("port"), int) else PORT
    settings = Path(_text(gateway, "config_path") or folder / "config.json")
    find = common.find_pid(config, by_pid_file(run_file))
    slow, timeout = common.timing(config)
    url = config.text("FLEET_ENDPOINT") or f"http://127.0.0.1:{port}/health"
    profile = [settings, *(workspace / name for name in PROFILE)]
    probes: list[Probe] = [
        *common.process_probes(config, find, f"the pid in {run_file}"),
        EndpointProbe(url, health, slow=slow, timeout=timeout, keys="status and ready"),
        CronProbe(workspace / "cron" / "jobs.json"),
        UsageProbe(config, _usage(folder / "llm_usage.sqlite3"), "numbers of llm_usage.sqlite3"),
        *common.profile_probes(config, profile, must_parse=settings),
        VersionProbe(run_file),
        *common.machine_probes(config),
    ]
    found = [f"nanobot's folder is {folder}", f"its gateway listens on {url}"]
    # nanobot watches its configuration and applies it at the next turn: nothing to trigger.
    return Assembly(Kind.NANOBOT.value, probes, found, "none", find or (lambda: None))


def health(document: Mapping[str, Any]) -> Reading | None:
    """nanobot's `/health`: `status` ok or degraded, `ready` true or false."""
    if document.get("status") not in ("ok", "degraded") or "ready" not in document:
        return None
    good = document["status"] == "ok" and document["ready"] is True
    return Reading(Check.PASS if good else Check.WARN)


class CronProbe:
    """Outcome of the scheduled jobs: how many there are, how many failed the last time."""

    plane = Plane.CRON.value
    name = "cron"
    timeout = 5.0
    ignores = "names, messages and error texts of the jobs"

    def __init__(self, path: Path) -> None:
        self._path = path
        self.reads = f"state.lastStatus of the jobs in {path}"

    def run(self) -> Finding:
        document = _load(self._path)
        jobs = document.get("jobs")
        if not isinstance(jobs, list):
            return Finding(self.plane, Check.UNKNOWN)
        statuses = [_status(job) for job in jobs]
        failed = statuses.count("error")
        sign = Sign(AlertCode.CRON_FAILURE.value, failed > 0, value=failed, threshold=1)
        return Finding(
            self.plane,
            Check.FAIL if failed else Check.PASS,
            [sign],
            metrics={"cron_jobs": len(jobs), "cron_jobs_failed": failed},
        )


def _status(job: object) -> str:
    """The closed word of a job's last run, or nothing where it is disabled or has not run."""
    if not isinstance(job, dict) or job.get("enabled") is False:
        return ""
    state = job.get("state")
    word = state.get("lastStatus") if isinstance(state, dict) else None
    return word if word in ("ok", "error", "skipped") else ""


def _usage(path: Path) -> Usage:
    """Reads sums of the usage database; it is opened read-only and never locked."""
    query = """
        SELECT COALESCE(SUM(input_tokens), 0), COALESCE(SUM(output_tokens), 0), COUNT(*),
               COALESCE(SUM(error_kind IS NOT NULL AND error_kind != ''), 0),
               MAX(CASE WHEN error_kind IS NULL OR error_kind = '' THEN started_at_ms END),
               COALESCE(SUM(started_at_ms > ?), 0),
               COALESCE(SUM(started_at_ms > ? AND error_kind IS NOT NULL AND error_kind != ''), 0),
               COALESCE(MAX(started_at_ms > ? AND error_status_code IN (401, 403)), 0),
               COALESCE(MAX(started_at_ms > ? AND error_status_code = 429), 0)
        FROM llm_calls
    """

    def read() -> tuple[float, ...] | None:
        recent = (time.time() - 600) * 1000
        try:
            with closing(sqlite3.connect(f"file:{path}?mode=ro", uri=True, timeout=1)) as database:
                row = database.execute(query, (recent,) * 4).fetchone()
        except sqlite3.Error:
            return None
        return tuple(float(value or 0) for value in row)

    return read


class VersionProbe:
    """`nanobot --version`, asked once for each start of the gateway."""

    plane = Plane.PROCESS.value
    name = "version"
    timeout = 20.0
    reads = "the output of nanobot --version"
    ignores = "anything in it that is not a version"

    def __init__(self, run_file: Path) -> None:
        self._run_file = run_file
        self._asked: object = None
        self._versions: dict[str, str] = {}

    def run(self) -> Finding:
        started = _load(self._run_file).get("started_at")
        if started != self._asked:
            self._asked = started
            self._versions = _version()
        # Says nothing of the process: that is the process probe's word.
        return Finding(self.plane, Check.PASS, versions=self._versions)


def _version() -> dict[str, str]:
    import re

    try:
        done = subprocess.run(
            ["nanobot", "--version"], capture_output=True, text=True, timeout=15, check=False
        )
    except (OSError, subprocess.SubprocessError):
        return {}
    found = re.search(r"v([0-9][0-9A-Za-z.+-]{0,30})", done.stdout)
    return {"agent": found[1]} if found else {}


def _load(path: Path) -> dict[str, Any]:
    try:
        with path.open("rb") as stream:
            document = json.loads(stream.read(_MAX_FILE))
    except (OSError, ValueError, RecursionError):
        return {}
    return document if isinstance(document, dict) else {}


def _text(document: Mapping[str, Any], name: str) -> str:
    value = document.get(name)
    return value if isinstance(value, str) else ""
