"""What each kind tells of each plane, from where and for which releases: the page of kinds.

A test holds it to the probes that a kind really gets. What is not here is unsupported.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

from fleet.contract.vocabulary import Kind, Plane


@dataclass(frozen=True, slots=True)
class Told:
    """Where a plane comes from.

    Attributes:
        source: what is read.
        releases: of the agent, in which this was seen.
        asked: the setting that switches it on; empty: it is on by itself.
    """

    source: str
    releases: str = "all"
    asked: str = ""


_WORK: Final = Told("the time of change of the named files", asked="FLEET_WORK_FILES")
_CRON: Final = Told("exit codes in the named files", asked="FLEET_CRON_FILES")
_HTTP: Final = Told("`status`, `ok`, `healthy` or `ready` of the answer", asked="FLEET_ENDPOINT")
_MACHINE: Final = {
    Plane.DISK: Told("the file system of `FLEET_DISK`"),
    Plane.MEMORY: Told("the machine's or container's memory"),
}

PLANES: Final[Mapping[Kind, Mapping[Plane, Told]]] = {
    Kind.OPENCLAW: {
        Plane.PROCESS: Told("`gateway.state.lock`: pid and start time", "2026.9.5, 2026.9.6"),
        Plane.ENDPOINT: Told("`/healthz`, `/readyz`, `/startupz`", "2026.9.5, 2026.9.6"),
        Plane.WORK: Told("`openclaw cron list`: jobs that are overdue", "2026.9.6"),
        Plane.CHANNELS: Told("`/readyz`: how many ids `failing` lists", "2026.9.6"),
        Plane.CRON: Told("`openclaw cron list`: how jobs ended", "2026.9.6"),
        Plane.CONFIG: Told("a fingerprint; `openclaw config validate`, or else JSON5"),
        **_MACHINE,
    },
    Kind.NANOBOT: {
        Plane.PROCESS: Told(
            "`run/gateway*.json`: pid and identity; 0.3.0 and older write none: by command line "
            "and `HOME`",
            "0.2.2, 0.3.0, 0.3.5",
        ),
        Plane.ENDPOINT: Told(
            "`/health`: `status`, and `ready` where it has one", "0.2.2, 0.3.0, 0.3.5"
        ),
        Plane.WORK: Told("`llm_usage.sqlite3`: calls, tokens, failures; overdue jobs", "0.3.5"),
        Plane.CRON: Told("`cron/jobs.json`, and failed calls of jobs", "0.2.2, 0.3.0, 0.3.5"),
        Plane.CONFIG: Told("a fingerprint; `config.json` must be JSON"),
        **_MACHINE,
    },
    Kind.HERMES: {
        Plane.PROCESS: Told(
            "`gateway.pid`, `gateway.lock`: pid and start time; `state/gateway.heartbeat`", "0.19.0"
        ),
        Plane.ENDPOINT: _HTTP,
        Plane.WORK: Told("`state.db`: calls and tokens, no failures; overdue jobs", "0.19.0"),
        Plane.CHANNELS: Told("`gateway_state.json`: states of the platforms", "0.19.0"),
        Plane.CRON: Told("`cron/jobs.json`, `cron/executions.db`", "0.19.0"),
        Plane.CONFIG: Told("a fingerprint; `config.yaml` must be YAML"),
        **_MACHINE,
    },
    Kind.ROCKBOT: {
        Plane.PROCESS: Told("the program `RockBot.Agent`, once it was seen"),
        Plane.WORK: _WORK,
        Plane.CRON: _CRON,
        Plane.CONFIG: Told("a fingerprint"),
        **_MACHINE,
    },
    Kind.GENERIC: {
        Plane.PROCESS: Told(
            "what the setting names",
            asked="FLEET_PID_FILE, FLEET_PROCESS, FLEET_CONTAINER, FLEET_UNIT",
        ),
        Plane.ENDPOINT: _HTTP,
        Plane.WORK: _WORK,
        Plane.CRON: _CRON,
        Plane.CONFIG: Told("a fingerprint", asked="FLEET_PROFILE"),
        **_MACHINE,
    },
}
