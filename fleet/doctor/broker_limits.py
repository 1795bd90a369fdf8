"""Mosquitto's queue limits: with its defaults it drops what it has acknowledged, unsaid."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from pathlib import Path
from typing import Final

from fleet.doctor.findings import Diagnosis, Level
from fleet.provisioning.mosquitto import plan_of
from fleet.settings import Settings

ENOUGH: Final = 100_000
"""Messages a queue must hold: a large fleet's burst, or a night's absence of the hub."""

ENOUGH_BYTES: Final = ENOUGH * 1000
"""The same in bytes; a heartbeat has some 600."""

_SYSTEM: Final = Path("/etc/mosquitto/mosquitto.conf")
_REMEDY: Final = (
    "max_queued_messages 0 and max_queued_bytes 1073741824 in mosquitto.conf; fleet broker config"
)


def limits(settings: Settings, dropped: int | None) -> Iterator[Diagnosis]:
    """What the broker says it dropped, and what its configuration allows it to."""
    if dropped:
        said = f"the broker has dropped {dropped} messages it had acknowledged"
        yield Diagnosis("dropped", Level.CRITICAL, said, _REMEDY)
    elif dropped == 0:
        yield Diagnosis("dropped", Level.OK, "the broker has dropped nothing since its start")
    else:
        said = "the broker dropped nothing within the last minute, or does not say"
        remedy = "fleet serve counts while it runs: fleet_broker_dropped_messages_total in /metrics"
        yield Diagnosis("dropped", Level.UNKNOWN, said, remedy)
    path = configuration(settings)
    if path is None:
        said = (
            "its configuration cannot be seen from here;"
            " Mosquitto's defaults lose half of a burst, acknowledged and unsaid"
        )
        yield Diagnosis("queues", Level.UNKNOWN, said, _REMEDY)
        return
    lines = dict(_lines(path))
    queued = lines.get("max_queued_messages", "")
    held = lines.get("max_queued_bytes", "0")
    if held.isdigit() and 0 < int(held) < ENOUGH_BYTES:
        said = (
            f"{path}: max_queued_bytes is {held}; the rest of a burst is acknowledged and dropped"
        )
        yield Diagnosis("queues", Level.CRITICAL, said, _REMEDY)
    elif queued.isdigit() and (int(queued) == 0 or int(queued) >= ENOUGH):
        yield Diagnosis("queues", Level.OK, f"{path}: queues hold a burst")
    else:
        why = f"max_queued_messages is {queued}" if queued else "the default limit holds"
        said = f"{path}: {why}; the rest of a burst is acknowledged and dropped"
        yield Diagnosis("queues", Level.CRITICAL, said, _REMEDY)
    if lines.get("set_tcp_nodelay") != "true":
        remedy = "set_tcp_nodelay true in mosquitto.conf"
        yield Diagnosis("nodelay", Level.WARNING, f"{path}: round trips take 44 to 88 ms", remedy)


def configuration(settings: Settings) -> Path | None:
    """The configuration of a broker on this machine: the running one's, ours, the system's."""
    if settings.broker.host not in ("127.0.0.1", "localhost", "::1"):
        return None
    candidates = (*_running(), plan_of(settings).config_file, _SYSTEM)
    return next((path for path in candidates if _serves(path, settings.broker.port)), None)


def _running() -> Iterator[Path]:
    """The files that each Mosquitto of this machine was started with."""
    for process in Path("/proc").glob("[0-9]*"):
        with contextlib.suppress(OSError, ValueError, IndexError):
            words = (process / "cmdline").read_bytes().decode(errors="replace").split("\0")
            if Path(words[0]).name == "mosquitto":
                yield (process / "cwd").readlink() / words[words.index("-c") + 1]


def _serves(path: Path, port: int) -> bool:
    lines = _lines(path)
    ports = [value.split()[0] for key, value in lines if key in ("listener", "port") and value]
    return bool(lines) and str(port) in (ports or ["1883"])


def _lines(path: Path) -> list[tuple[str, str]]:
    """Keys and values, those of included folders too; empty if it cannot be read."""
    found: list[tuple[str, str]] = []
    try:
        text = path.read_text(errors="replace")
    except OSError:
        return found
    for line in text.splitlines():
        key, _, value = line.strip().partition(" ")
        if key == "include_dir":
            for file in sorted(Path(value.strip()).glob("*.conf")):
                found += _lines(file)
        elif key and not key.startswith("#"):
            found.append((key, value.strip()))
    return found
