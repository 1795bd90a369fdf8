"""OpenClaw: three health endpoints and its configuration file.

`openclaw health --json` and the state databases hold prompts, paths and credentials; neither is
opened. Unknown paths of its port answer 200 with HTML, so type and keys are checked.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

from agent_sidecar.config import Config
from agent_sidecar.kinds import common
from agent_sidecar.probes.base import Assembly, Probe
from agent_sidecar.probes.endpoint import EndpointProbe, HealthReading
from agent_sidecar.probes.process import by_name
from fleet.contract.patterns import VERSION
from fleet.contract.vocabulary import Check, Kind

PORT: Final = 18789
PROFILE: Final = (
    *("SOUL.md", "USER.md", "AGENTS.md", "IDENTITY.md", "TOOLS.md", "HEARTBEAT.md"),
    "skills",
)


def home(config: Config) -> Path:
    return config.path("FLEET_AGENT_HOME") or Path("~/.openclaw").expanduser()


def looks_like(config: Config) -> bool:
    return (home(config) / "openclaw.json").is_file()


def assemble(config: Config) -> Assembly:
    folder = home(config)
    base = config.text("FLEET_ENDPOINT").rstrip("/") or f"http://127.0.0.1:{PORT}"
    find = common.find_pid(config, by_name("openclaw"))
    slow, timeout = common.timing(config)
    settings = folder / "openclaw.json"
    workspace = folder / "workspace"
    files = [settings, folder / "skills", *(workspace / name for name in PROFILE)]
    asked = (
        ("/healthz", live, "ok and status"),
        ("/readyz", ready, "ready, uptimeMs and eventLoop.degraded"),
        ("/startupz", startup, "ok, version and uptimeMs"),
    )
    endpoints = [
        EndpointProbe(f"{base}{path}", judge, slow=slow, timeout=timeout, keys=keys)
        for path, judge, keys in asked
    ]
    probes: list[Probe] = [
        # Somebody listens though no process is seen: it runs in another container.
        *common.process_probes(config, find, "the program openclaw", endpoints[0].reachable),
        *endpoints,
        *common.work_probes(config),
        *common.cron_probes(config),
        *common.profile_probes(config, files),
        *common.machine_probes(config),
    ]
    found = [f"OpenClaw's folder is {folder}", f"its gateway listens on {base}"]
    # OpenClaw watches its configuration: a reload is only a new digest.
    return Assembly(Kind.OPENCLAW.value, probes, found, "none", find or (lambda: None))


def live(document: Mapping[str, Any]) -> HealthReading | None:
    if not isinstance(document.get("ok"), bool) or document.get("status") != "live":
        return None
    return HealthReading(Check.PASS if document["ok"] else Check.FAIL)


def ready(document: Mapping[str, Any]) -> HealthReading | None:
    """A degraded event loop is slow, and slow is not dead."""
    if not isinstance(document.get("ready"), bool):
        return None
    loop = document.get("eventLoop")
    slow = isinstance(loop, dict) and loop.get("degraded") is True
    good = document["ready"] and not slow
    return HealthReading(Check.PASS if good else Check.WARN, _seconds(document))


def startup(document: Mapping[str, Any]) -> HealthReading | None:
    import re

    if not isinstance(document.get("ok"), bool):
        return None
    version = document.get("version")
    shaped = isinstance(version, str) and re.fullmatch(VERSION, version)
    check = Check.PASS if document["ok"] else Check.FAIL
    return HealthReading(check, _seconds(document), version if shaped else None)


def _seconds(document: Mapping[str, Any]) -> float | None:
    uptime = document.get("uptimeMs")
    return uptime / 1000 if isinstance(uptime, int | float) and uptime >= 0 else None
