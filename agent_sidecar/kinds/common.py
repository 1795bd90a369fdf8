"""What every kind may have: the probes that settings ask for."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from agent_sidecar.config import Config
from agent_sidecar.probes.base import Probe
from agent_sidecar.probes.pid_namespace import unseen
from agent_sidecar.probes.process import PidFile, ProcessProbe, by_name
from agent_sidecar.probes.processes import table
from fleet.contract.named_process import FindPid

if TYPE_CHECKING:
    from agent_sidecar.probes.overdue import Due


def find_pid(config: Config, default: FindPid | None = None) -> FindPid | None:
    """How to find the agent's process: by pid file, by name, or the kind's own way."""
    pid_file = config.path("FLEET_PID_FILE")
    if pid_file:
        return PidFile(pid_file)
    if config.text("FLEET_PROCESS"):
        return by_name(config.text("FLEET_PROCESS"))
    return default


def once_seen(find: FindPid) -> tuple[FindPid, Callable[[], bool]]:
    """A guess at the agent's process, and whether it never came true.

    Nobody named that process, so that it may as well run in another container: it counts as gone
    only after it was there.
    """
    seen = False

    def remembering() -> int | None:
        nonlocal seen
        pid = find()
        seen = seen or pid is not None
        return pid

    return remembering, lambda: not seen


def lives(
    config: Config, find: FindPid | None, elsewhere: Callable[[], bool | str] = lambda: False
) -> Callable[[], bool | None]:
    """Whether the agent does, by the process that is watched; None: it cannot be told, as of one
    in a container or behind a wall."""

    def look() -> bool | None:
        if find is None:
            return None
        pid = find()
        process = None if pid is None else table().look(pid)
        if process is not None and not process.dead:
            return True
        other = elsewhere() or unseen()
        if other is True:
            return True
        return None if other or config.text("FLEET_CONTAINER") else False

    return look


def process_probes(
    config: Config,
    find: FindPid | None,
    described: str,
    elsewhere: Callable[[], bool | str] = lambda: False,
    appears_in: Callable[[], Path | None] = lambda: None,
    *,
    tells_version: bool = False,
) -> list[Probe]:
    """The process plane, by every view that was asked for.

    Args:
        appears_in: the folder of the file that will name the process once it starts, or as much
            of the way to it as there is.
        tells_version: a container's image says which version runs: nothing else does.
    """
    probes: list[Probe] = []
    if find is not None:
        ours = find if isinstance(find, PidFile) and find.restarts() is not None else None
        probes.append(
            ProcessProbe(
                find,
                described,
                lambda: elsewhere() or unseen(),
                supervised=ours,
                appears_in=appears_in,
            )
        )
    if config.text("FLEET_CONTAINER"):
        from agent_sidecar.probes.container import ContainerProbe

        socket = config.path("FLEET_DOCKER") or Path("/var/run/docker.sock")
        name = config.text("FLEET_CONTAINER")
        probes.append(ContainerProbe(name, socket, tells_version=tells_version))
    if config.text("FLEET_UNIT"):
        from agent_sidecar.probes.systemd import UnitProbe

        probes.append(UnitProbe(config.text("FLEET_UNIT")))
    return probes


def machine_probes(config: Config) -> list[Probe]:
    """Disk and memory, unless switched off.

    Raises:
        ConfigError: a limit is not a percentage.
    """
    from agent_sidecar.probes.limits import disk_probe, memory_probe

    probes: list[Probe] = []
    disk = config.path("FLEET_DISK")
    if disk is not None and config.text("FLEET_DISK") != "-":
        probes.append(
            disk_probe(
                disk,
                warn=config.number("FLEET_DISK_WARN", 1, 100),
                fail=config.number("FLEET_DISK_FAIL", 1, 100),
            )
        )
    if config.text("FLEET_MEMORY") != "-":
        probes.append(
            memory_probe(
                warn=config.number("FLEET_MEMORY_WARN", 1, 100),
                fail=config.number("FLEET_MEMORY_FAIL", 1, 100),
            )
        )
    return probes


def endpoint_probes(config: Config) -> list[Probe]:
    """The health endpoint in one of the usual shapes, where one is named.

    Raises:
        ConfigError: its address or its timing is not usable.
    """
    if not config.text("FLEET_ENDPOINT"):
        return []
    from agent_sidecar.probes.endpoint import EndpointProbe
    from agent_sidecar.probes.endpoint import common as usual

    slow, timeout = timing(config)
    return [
        EndpointProbe(
            config.text("FLEET_ENDPOINT"),
            usual,
            slow=slow,
            timeout=timeout,
            keys="status, ok, healthy or ready",
        )
    ]


def work_probes(config: Config) -> list[Probe]:
    """Files that must advance, where some are named."""
    patterns = config.words("FLEET_WORK_FILES")
    if not patterns:
        return []
    from agent_sidecar.probes.work import WorkProbe, newest_of

    stalled = config.number("FLEET_WORK_STALLED", 0, 30 * 86_400)
    reads = f"the time of change of {', '.join(patterns)}"
    return [WorkProbe(newest_of(patterns), stalled, reads)]


def cron_probes(config: Config) -> list[Probe]:
    """Files with the exit codes of jobs, where some are named."""
    patterns = config.words("FLEET_CRON_FILES")
    if not patterns:
        return []
    from agent_sidecar.probes.cron import CronProbe, exit_codes

    return [CronProbe(exit_codes(patterns), f"the exit codes in {', '.join(patterns)}")]


def schedule_probes(
    config: Config,
    read: Callable[[], Sequence[Due] | None],
    reads: str,
    timeout: float = 5.0,
) -> list[Probe]:
    """Whether the agent's own jobs run when they are due, unless switched off."""
    if config.text("FLEET_SCHEDULE") == "-":
        return []
    from agent_sidecar.probes.overdue import OverdueProbe

    return [OverdueProbe(read, reads, timeout)]


def profile_probes(
    config: Config,
    usual: Sequence[Path] = (),
    valid: Callable[[], bool | None] = lambda: None,
    timeout: float = 5.0,
) -> list[Probe]:
    """The fingerprint of the named files, or of the kind's usual ones."""
    from agent_sidecar.probes.profile import ProfileProbe

    files = [Path(word).expanduser() for word in config.words("FLEET_PROFILE")] or list(usual)
    return [ProfileProbe(files, valid, timeout)] if files else []


def timing(config: Config) -> tuple[float, float]:
    """(slow, time-out) of an endpoint in seconds.

    Raises:
        ConfigError: one of them is no usable number.
    """
    return (
        config.number("FLEET_ENDPOINT_SLOW", 0.01, 300),
        config.number("FLEET_ENDPOINT_TIMEOUT", 0.1, 300),
    )
