"""What can be looked at without the broker: home, secrets, disk, clock, certificates, hub."""

from __future__ import annotations

import os
import shutil
import stat
import subprocess
import time
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import Any, Final

from fleet.contract.errors import FleetError
from fleet.contract.vocabulary import HubAlertCode, Severity
from fleet.doctor.findings import Diagnosis, Level
from fleet.domain.clock_skew import SKEW_FIRES
from fleet.domain.problems import Problem
from fleet.fleet_state import everybody
from fleet.hub_client import FILE as HUB_FILE
from fleet.hub_client import HubClient, HubError, StandbyError, is_no_home
from fleet.settings import Settings, slips

LOW, FULL = 1 << 30, 100 << 20
"""Bytes free on the home's disk: some days of a busy fleet; and hardly a day."""

NAMED: Final = 5
"""Agents or files that one sentence names."""

SAID_OTHERWISE: Final = (HubAlertCode.HUB_CLOCK, HubAlertCode.CREDENTIAL_USED_TWICE)
"""What a hub says of itself and an examination says with more words."""

DAYS: Final = 30
"""Days before its end that a certificate is worth a warning."""


def examine(settings: Settings) -> Iterator[Diagnosis]:
    """Every finding of this machine."""
    for look in (
        environment,
        home,
        disk,
        store,
        secrets,
        clock,
        certificates,
        routes,
        metrics,
        hub,
    ):
        yield from _guarded(look, settings)


def environment(_: Settings) -> Iterator[Diagnosis]:
    """Nothing in it is meant for us and misses us."""
    for line in slips(os.environ):
        remedy = "correct it where it is exported, or take it away"
        yield Diagnosis("environment", Level.WARNING, line, remedy)


def home(settings: Settings) -> Iterator[Diagnosis]:
    """It exists, is ours, and is closed to others."""
    path = settings.home
    if is_no_home(settings):
        said = f"there is no home in {path}"
        yield Diagnosis("home", Level.WARNING, said, "fleet init, or FLEET_HOME=…")
        return
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
    if settings.store is not None:
        return  # see `store`
    path = next((p for p in (settings.home, *settings.home.parents) if p.exists()), Path("/"))
    free = shutil.disk_usage(path).free
    level = Level.CRITICAL if free < FULL else Level.WARNING if free < LOW else Level.OK
    remedy = "" if level is Level.OK else "free space, or shorten [retention] in fleet.toml"
    yield Diagnosis("disk", level, f"{free / 2**30:.1f} GiB free for the store", remedy)


def store(settings: Settings) -> Iterator[Diagnosis]:
    """A store elsewhere answers, is of this release, and a hub writes there."""
    if settings.store is None:
        return
    from fleet.store.open import look_elsewhere

    found = look_elsewhere(settings)
    said = f"{settings.store.name} answers"
    if found.version < found.newest:
        said += f", with the schema {found.version} of {found.newest}"
        yield Diagnosis("store", Level.WARNING, said, "fleet serve of this release brings it up")
    elif not found.leader:
        said += ", and no hub leads there"
        yield Diagnosis("store", Level.WARNING, said, "fleet serve")
    else:
        said += f", schema {found.version}; {found.leader} leads"
        yield Diagnosis("store", Level.OK, said)


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
    named = [path for path in (settings.ca_file, settings.cert_file) if path]
    if not (named or (settings.home / "ca").exists()):
        return
    from fleet.provisioning.certificates import Authority, validity

    found = list(Authority(settings.home).validities())
    found += map(validity, named)
    now = time.time()
    bad = False
    for one in sorted(found, key=lambda one: one.days_left(now)):
        left = one.days_left(now)
        if left >= DAYS:
            break
        bad = True
        said = f"{one.file} ended" if left < 0 else f"{one.file} ends in {left:.0f} days"
        level = Level.CRITICAL if left < 0 else Level.WARNING
        yield Diagnosis("certificates", level, said, _renewal(settings, Path(one.file)))
    if found and not bad:
        yield Diagnosis("certificates", Level.OK, f"{len(found)} certificates, none ends soon")


def _renewal(settings: Settings, file: Path) -> str:
    """What to do about a certificate that ends, by whose it is."""
    if file.parent.name == "clients":
        return "fleet agent list -o json says whose serial that is; fleet agent rotate NAME"
    if file == settings.home / "ca" / "server.pem":
        return "fleet broker certificates --renew"
    return f"put a new one in place of {file}"


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


def metrics(settings: Settings) -> Iterator[Diagnosis]:
    """Whether every user of this machine, agents included, may read all agents' numbers."""
    from fleet.http.service import HttpService

    if HttpService.of(settings).open_metrics:
        yield Diagnosis("metrics", Level.WARNING, "every user of this machine may read /metrics",
                        "open_metrics = false under [http_service]; fleet export prometheus "
                        "has a token")  # fmt: skip


def hub(settings: Settings) -> Iterator[Diagnosis]:
    """A hub serves this home, can work, and what it knows of the agents' clocks."""
    if not (settings.hub or (settings.home / HUB_FILE).exists()):
        yield Diagnosis("hub", Level.WARNING, f"no hub serves {settings.home}", "fleet serve")
        return
    try:
        client = HubClient.needed(settings)
        said = client.get("/readyz")
    except StandbyError as error:
        yield Diagnosis("hub", Level.OK, f"{error.what}: {error.why}")
        return
    except HubError:
        with client.reading():
            one_of_two = _is_one_of_two(client.get("/v1/agents?brief=true&limit=1"))
        if not one_of_two:
            raise
        what = f"the hub at {client.url} gave way: another hub holds this broker"
        yield Diagnosis("hub", Level.CRITICAL, what, "end one of the two; one is enough")
        return
    reads = isinstance(said, dict) and said.get("role") == "reader"
    what = f"reads beside {said.get('leader') or 'the one that leads'}" if reads else "is ready"
    yield Diagnosis("hub", Level.OK, f"the hub at {client.url} {what}")
    with client.reading():
        found = list(_counts(client.get("/v1/stats"), everybody(client)))
    yield from found


def _is_one_of_two(fleet: dict[str, Any]) -> bool:
    """Whether the hub says that another one works under its name."""
    return _says(fleet, HubAlertCode.CREDENTIAL_USED_TWICE)


def _says(fleet: dict[str, Any], code: HubAlertCode) -> bool:
    """Whether the hub that was asked says so of itself."""
    return any(one["code"] == code and not one.get("site") for one in fleet["hub"])


def _counts(stats: dict[str, Any], fleet: dict[str, Any]) -> Iterator[Diagnosis]:
    if _is_one_of_two(fleet):
        yield Diagnosis("hubs", Level.CRITICAL, "another hub works on this broker under this name",
                      "end one of the two")  # fmt: skip
    elsewhere = [place for place, used in stats.get("brokers", {}).items() if used][:1]
    if fleet.get("standby"):
        yield Diagnosis("brokers", Level.WARNING,
                      f"the hub is at {_named(elsewhere)}, not at the first broker",
                      "see below; it goes back once that one was well for minutes")  # fmt: skip
    if stats["missing"]:
        yield Diagnosis("losses", Level.WARNING, f"{stats['missing']} messages went missing",
                      "fleet history; look at the broker's limits below")  # fmt: skip
    rejects = sum(stats["rejects"].values())
    if rejects:
        yield Diagnosis("rejects", Level.WARNING, f"{rejects} messages broke the contract",
                      "fleet dead-letters list")  # fmt: skip
    yield from _problems(Problem.of(problem) for problem in fleet["hub"])
    if _says(fleet, HubAlertCode.HUB_CLOCK):
        yield Diagnosis("clocks", Level.WARNING,
                      "the hub does not believe its own machine's clock; no agent is at fault",
                      "timedatectl there; if it is right, fleet serve --trust-clock")  # fmt: skip
        return
    yield _clocks(fleet["agents"])


def _problems(found: Iterable[Problem]) -> Iterator[Diagnosis]:
    """What hubs say of themselves and of sites, but for what is told in other words."""
    for one in found:
        told = one.code in SAID_OTHERWISE and not one.site
        if not (told or one.held or one.severity is Severity.INFO):
            level = Level.CRITICAL if one.severity is Severity.CRITICAL else Level.WARNING
            yield Diagnosis("problems", level, str(one), "fleet alerts list")


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
