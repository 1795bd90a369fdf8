"""Hold what the bus claims of an agent against a second source: Docker or systemd.

Telemetry is advisory: whoever is about to act on an agent asks here first.
"""

from __future__ import annotations

import subprocess
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Final

from fleet.contract.errors import FleetError
from fleet.contract.vocabulary import Check, Plane, Word
from fleet.domain.agent_view import AgentView
from fleet.domain.verdict import Verdict

ALIVE: Final = frozenset({Verdict.OK, Verdict.DEGRADED})
"""Verdicts that claim a living agent, unless its process plane says otherwise; of one that is late
or stale nothing is claimed."""

UPTIME_SLACK: Final = 60.0
"""Seconds by which two clocks' uptimes may differ: a container starts before its agent does."""

PATIENCE: Final = 10
"""Seconds for an answer of the second source."""


class SourceError(FleetError):
    """The second source does not answer, or knows nothing of the agent: no evidence either way."""


class Dissent(Word):
    """How the bus and the second source disagree."""

    SAYS_ALIVE = "says-alive", "the bus says it lives, the second source that it does not run"
    SAYS_GONE = "says-gone", "the bus says it is gone, the second source that it runs"
    YOUNGER = "younger", "it was restarted and the bus does not know"
    UNHEALTHY = "unhealthy", "the bus says ok, the container's own health check does not"


@dataclass(frozen=True, slots=True)
class Evidence:
    """What the second source says; `uptime` in seconds, None where it does not tell."""

    source: str
    running: bool
    uptime: float | None = None
    healthy: bool | None = None


def compare(view: AgentView, evidence: Evidence) -> list[Dissent]:
    """Every disagreement; none means that both tell the same story."""
    found = []
    dead = view.checks.get(Plane.PROCESS) is Check.FAIL
    if view.state in ALIVE and not dead and not evidence.running:
        found.append(Dissent.SAYS_ALIVE)
    if (view.state is Verdict.OFFLINE or dead) and evidence.running:
        found.append(Dissent.SAYS_GONE)
    both = view.uptime is not None and evidence.uptime is not None and evidence.running
    if both and evidence.uptime + UPTIME_SLACK < view.uptime:  # type: ignore[operator]
        found.append(Dissent.YOUNGER)
    if view.state is Verdict.OK and evidence.healthy is False:
        found.append(Dissent.UNHEALTHY)
    return found


def ask_docker(container: str, url: str | None) -> Evidence:
    """One container's state; `url` as Docker knows it (unix, tcp, ssh), None: its default.

    Raises:
        SourceError: the daemon does not answer, or has no such container.
    """
    import docker
    from docker.errors import DockerException, NotFound

    source = f"docker container {container}"
    try:
        client: Any = (
            docker.DockerClient(base_url=url, timeout=PATIENCE)
            if url else docker.from_env(timeout=PATIENCE)
        )  # fmt: skip
        try:
            state = client.containers.get(container).attrs["State"]
        finally:
            client.close()
    except NotFound:
        raise SourceError(
            f"there is no {source}",
            "it was removed, or its name is another: that proves nothing of the agent",
            "docker ps --all, then --container NAME",
        ) from None
    except (DockerException, OSError, ValueError) as error:
        raise SourceError(
            "Docker does not answer", str(error), "docker info, or --docker URL"
        ) from None
    health = (state.get("Health") or {}).get("Status")
    healthy = None if health in (None, "starting") else health == "healthy"
    return Evidence(source, state["Running"] is True, _since(state.get("StartedAt")), healthy)


def ask_systemd(unit: str) -> Evidence:
    """One unit's state.

    Raises:
        SourceError: systemd does not answer, or has no such unit.
    """
    properties = "LoadState,ActiveState,ActiveEnterTimestampMonotonic"
    command = ["systemctl", "show", unit, f"--property={properties}"]
    try:
        done = subprocess.run(command, capture_output=True, text=True, timeout=PATIENCE, check=True)
    except (OSError, subprocess.SubprocessError) as error:
        said = (getattr(error, "stderr", None) or str(error)).strip().splitlines()
        why = said[0] if said else "it says nothing"
        raise SourceError("systemd does not answer", why, f"systemctl status {unit}") from None
    shown = dict(line.partition("=")[::2] for line in done.stdout.splitlines())
    if shown.get("LoadState") == "not-found":
        raise SourceError(
            f"there is no systemd unit {unit}",
            "it was removed, or its name is another: that proves nothing of the agent",
            "systemctl list-units --all, then --unit NAME",
        )
    running = shown.get("ActiveState") in ("active", "reloading")
    return Evidence(f"systemd unit {unit}", running, _monotonic(shown))


def source_of(
    view: AgentView, container: str | None, unit: str | None, docker_url: str | None
) -> Callable[[], Evidence]:
    """The second source that was asked for, or that the agent's labels name.

    Raises:
        SourceError: there is none.
    """
    container = container or view.labels.get("container")
    unit = unit or view.labels.get("unit")
    if container:
        name = container
        return lambda: ask_docker(name, docker_url)
    if unit:
        of_unit = unit
        return lambda: ask_systemd(of_unit)
    raise SourceError(
        f"there is no second source for {view.agent}",
        "it has neither a label container nor a label unit",
        "--container NAME, --unit NAME, or fleet agent add --label container=NAME",
    )


def _since(started: object) -> float | None:
    """Seconds since Docker's time, which has nine digits behind the point."""
    try:
        moment = datetime.fromisoformat(f"{str(started)[:19]}+00:00")
    except ValueError:
        return None
    return max(0.0, (datetime.now(UTC) - moment).total_seconds())


def _monotonic(shown: dict[str, str]) -> float | None:
    import time

    entered = shown.get("ActiveEnterTimestampMonotonic", "")
    if not entered.isdecimal() or entered == "0":
        return None
    return time.clock_gettime(time.CLOCK_MONOTONIC) - int(entered) / 1e6
