"""What this machine says of time: its clocks, whether they are synchronised, and what the last hub
on this home wrote down of them."""

from __future__ import annotations

import ctypes
import json
import logging
import struct
import sys
import time
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any, Final

import fleet
from fleet.contract.errors import ConfigError
from fleet.contract.kept_file import read_json
from fleet.contract.secret_file import write_secret
from fleet.domain.hub_clock import Anchor

FILE: Final = "clock.json"

_BOOT: Final = Path("/proc/sys/kernel/random/boot_id")

_BOOTTIME: Final = getattr(time, "CLOCK_BOOTTIME", None)

_STATUS: Final = 5
"""`long`s before `status` in `struct timex`: see adjtimex(2)."""

_UNSYNCHRONISED: Final = 0x40
"""`STA_UNSYNC`: nobody keeps the kernel's clock right."""

CREDIBLE: Final = 3_600.0
"""Seconds that a clock may be off for keys and certificates, which begin in the past and last for
months."""

_log = logging.getLogger(__name__)


def ticks() -> float:
    """Seconds of a clock that nobody sets; where the system has it, one that counts sleep, too."""
    return time.monotonic() if _BOOTTIME is None else time.clock_gettime(_BOOTTIME)


def boot() -> str:
    """The run of the machine in which `ticks` count; empty where nobody says."""
    try:
        return _BOOT.read_text().strip()
    except OSError:
        return ""


def synchronised() -> bool | None:
    """Whether time synchronisation keeps the clock, as the kernel says; None where it does not
    say."""
    if not sys.platform.startswith("linux"):
        return None
    buffer = ctypes.create_string_buffer(512)  # modes 0: only read
    try:
        if ctypes.CDLL(None).adjtimex(buffer) < 0:
            return None
    except (AttributeError, OSError):
        return None
    (status,) = struct.unpack_from("i", buffer, struct.calcsize("l") * _STATUS)
    return not status & _UNSYNCHRONISED


def floor() -> float:
    """A time (s since the epoch) that is over for sure: when this program was installed."""
    try:
        return Path(fleet.__file__).stat().st_mtime
    except OSError:
        return 0.0


@dataclass(frozen=True, slots=True)
class Kept:
    """What outlives a hub; `retention` is what its retention clock knew."""

    anchor: Anchor
    retention: dict[str, Any] = field(default_factory=dict)


def read(home: Path) -> Kept | None:
    """What the last hub wrote down; None: nothing, or nothing that can be used."""
    path = home / FILE
    try:
        return read_json(path, _kept, shape="the note of a hub's clock", remedy="fleet serve")
    except ConfigError:
        _log.warning("%s is not usable; the time of the last message counts instead", path)
        return None


def _kept(data: dict[str, Any]) -> Kept:
    anchor = Anchor(float(data["at"]), float(data["ticks"]), str(data["boot"]))
    return Kept(anchor, dict(data["retention"]))


def write(home: Path, kept: Kept) -> bool:
    """Write it down for the next hub; False on a full disk."""
    text = json.dumps({**asdict(kept.anchor), "retention": kept.retention})
    try:
        write_secret(home / FILE, text + "\n")
    except ConfigError:
        return False
    return True


def require_credible(home: Path) -> None:
    """Refuse to date what lasts for months by a clock that the hub's own note contradicts.

    Raises:
        ConfigError: the clock is far from what the hub on this home goes by.
    """
    kept = read(home)
    if kept is None:
        return
    anchor, now = kept.anchor, time.time()
    same_run = bool(anchor.boot) and anchor.boot == boot() and ticks() >= anchor.ticks
    off = now - anchor.at - (ticks() - anchor.ticks if same_run else 0.0)
    if off < -CREDIBLE or (same_run and off > CREDIBLE):
        raise ConfigError(
            "this machine's clock is not believed",
            f"it is {off:+.0f} s off what the hub goes by ({home / FILE})",
            "timedatectl; if the clock is right, fleet serve --trust-clock",
        )
