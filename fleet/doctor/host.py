"""What can be looked at without the broker: home, secrets, disk, clock, certificates, hub."""

from __future__ import annotations

import os
import shutil
import stat
import subprocess
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, Final

from fleet.contract.errors import FleetError
from fleet.doctor.findings import Diagnosis, Level
from fleet.domain.clock_skew import SKEW_FIRES
from fleet.hub_client import FILE as HUB_FILE
from fleet.hub_client import HubClient
from fleet.settings import Settings

LOW, FULL = 1 << 30, 100 << 20
"""Bytes free on the home's disk: some days of a busy fleet; and hardly a day."""

NAMED: Final = 5
"""Agents or files that one sentence names."""

DAYS: Final = 30
"""Days before its end that a certificate is worth a warning."""


def examine(settings: Settings) -> Iterator[Diagnosis]:
    """Every finding of this machine."""
    for look in (home, disk, secrets, clock, certificates, routes, hub):
        yield from _guarded(look, settings)


def home(settings: Settings) -> Iterator[Diagnosis]:
    """It exists, is ours, and is closed to others."""
    path = settings.home
    if not path.is_dir():
        yield Diagnosis("home", Level.WARNING, f"there is no {path}", "fleet init, or FLEET_HOME")
        return
    found = path.stat()
    if found.st_uid != os.geteuid():
        yield Diagnosis("home", Level.CRITICAL, f"{path} belongs to another account",
                      f"run as uid {found.st_uid}, or chown {path}")  # fmt: skip
    elif stat.S_IMODE(found.st_mode) & 0o077:
        mode = stat.S_IMODE(found.st_mode)
        yield Diagnosis("home", Level.WARNING, f"{path} is open to others, mode {mode:04o}",
                      f"chmod 700 {path}")  # fmt: skip
        yield from _readable(path)
    else:
        yield Diagnosis("home", Level.OK, f"{path} is closed to others")


def disk(settings: Settings) -> Iterator[Diagnosis]:
    """Room for the store: when there is none, the hub takes nothing in."""
    path = next((p for p in (settings.home, *settings.home.parents) if p.exists()), Path("/"))
    free = shutil.disk_usage(path).free
    level = Level.CRITICAL if free < FULL else Level.WARNING if free < LOW else Level.OK
    remedy = "" if level is Level.OK else "free space, or shorten [retention] in fleet.toml"
    yield Diagnosis("disk", level, f"{free / 2**30:.1f} GiB free for the store", remedy)


def secrets(settings: Settings) -> Iterator[Diagnosis]:
    """The hub's own password can be read, and by nobody else."""
    if settings.password_file is None:
        return
    try:
        settings.password()
    except FleetError as error:
        yield Diagnosis("password", Level.CRITICAL, f"{error.what}: {error.why}", error.remedy)
    else:
        yield Diagnosis("password", Level.OK, f"{settings.password_file} is closed to others")


def clock(_: Settings) -> Iterator[Diagnosis]:
    """Whether this machine keeps its clock; receipt times of all agents hang on it."""
    try:
        done = subprocess.run(
            ["timedatectl", "show", "--property=NTPSynchronized", "--value"],
            capture_output=True, text=True, timeout=5, check=False,
        )  # fmt: skip
        answer = done.stdout.strip()
    except (OSError, subprocess.TimeoutExpired):
        answer = ""
    if answer == "yes":
        yield Diagnosis("clock", Level.OK, "this machine's clock is synchronised")
    elif answer == "no":
        yield Diagnosis("clock", Level.WARNING, "this machine's clock is not synchronised",
                      "timedatectl set-ntp true")  # fmt: skip
    else:
        yield Diagnosis(
            "clock", Level.UNKNOWN, "nobody here says whether the clock is synchronised"
        )


def certificates(settings: Settings) -> Iterator[Diagnosis]:
    """What this home issued and what it connects with, before it ends."""
    from fleet.provisioning.certificates import Authority, validity

    found = list(Authority(settings.home).validities())
    found += [validity(path) for path in (settings.ca_file, settings.cert_file) if path]
    now = time.time()
    bad = False
    for one in sorted(found, key=lambda one: one.days_left(now)):
        left = one.days_left(now)
        if left >= DAYS:
            break
        bad = True
        said = f"{one.file} ended" if left < 0 else f"{one.file} ends in {left:.0f} days"
        level = Level.CRITICAL if left < 0 else Level.WARNING
        yield Diagnosis("certificates", level, said, "fleet agent rotate, or fleet broker config")
    if found and not bad:
        yield Diagnosis("certificates", Level.OK, f"{len(found)} certificates, none ends soon")


def routes(settings: Settings) -> Iterator[Diagnosis]:
    """The alert routes can be used; whether they deliver, `fleet alerts test` says."""
    from fleet.notifier.routes import routes_of

    found = routes_of(settings)
    if found:
        names = ", ".join(route.name for route in found)
        yield Diagnosis("routes", Level.OK, f"alerts go to {names}")
    else:
        yield Diagnosis("routes", Level.WARNING, "alerts go nowhere: there is no route",
                      "[routes.NAME] in fleet.toml, then fleet alerts test")  # fmt: skip


def hub(settings: Settings) -> Iterator[Diagnosis]:
    """A hub serves this home, can work, and what it knows of the agents' clocks."""
    if not (settings.hub or (settings.home / HUB_FILE).exists()):
        yield Diagnosis("hub", Level.WARNING, f"no hub serves {settings.home}", "fleet serve")
        return
    client = HubClient.needed(settings)
    client.get("/readyz")
    yield Diagnosis("hub", Level.OK, f"the hub at {client.url} is ready")
    try:
        yield from _counts(client.get("/v1/stats"), client.get("/v1/agents"))
    except (AttributeError, KeyError, TypeError) as error:
        raise client.of_another_version(type(error).__name__) from None


def _counts(stats: dict[str, Any], fleet: dict[str, Any]) -> Iterator[Diagnosis]:
    if stats["missing"]:
        yield Diagnosis("losses", Level.WARNING, f"{stats['missing']} messages went missing",
                      "fleet history; look at the broker's limits below")  # fmt: skip
    rejects = sum(stats["rejects"].values())
    if rejects:
        yield Diagnosis("rejects", Level.WARNING, f"{rejects} messages broke the contract",
                      "fleet dead-letters")  # fmt: skip
    yield _clocks(fleet["agents"])


def _clocks(agents: list[dict[str, Any]]) -> Diagnosis:
    off = [one["agent"] for one in agents if abs(one["skew"] or 0.0) > SKEW_FIRES]
    if off:
        return Diagnosis("clocks", Level.WARNING, f"the clocks of {_named(off)} are off",
                       "set up time synchronisation there")  # fmt: skip
    known = sum(one["skew"] is not None for one in agents)
    return Diagnosis("clocks", Level.OK, f"{known} agents' clocks agree with the hub's")


def _readable(path: Path) -> Iterator[Diagnosis]:
    """Files below an open home that others can read."""
    open_ones = [
        str(file.relative_to(path))
        for file in path.rglob("*")
        if file.is_file() and not file.is_symlink() and file.stat().st_mode & 0o077
    ]
    if open_ones:
        yield Diagnosis("files", Level.CRITICAL, f"others can read {_named(sorted(open_ones))}",
                      f"chmod -R go= {path}")  # fmt: skip


def _guarded(
    look: Callable[[Settings], Iterator[Diagnosis]], settings: Settings
) -> Iterator[Diagnosis]:
    """What `look` finds; what it cannot look at is a finding too."""
    try:
        yield from look(settings)
    except FleetError as error:
        said = f"{error.what}: {error.why}" if error.why else error.what
        yield Diagnosis(look.__name__, Level.CRITICAL, said, error.remedy)
    except OSError as error:
        yield Diagnosis(look.__name__, Level.UNKNOWN, f"it cannot be looked at: {error.strerror}")


def _named(names: list[str]) -> str:
    more = f" and {len(names) - NAMED} more" if len(names) > NAMED else ""
    return ", ".join(names[:NAMED]) + more
