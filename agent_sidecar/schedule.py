"""Units that run the sidecar without its daemon, or as one: cron, launchd, systemd.

Runs that overlap exclude one another by the lock on the state directory. No secret stands in a
unit: passwords stay in the files that the settings name.
"""

from __future__ import annotations

import os
import pwd
import shlex
import subprocess
from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from pathlib import Path
from typing import Any, Final, Protocol

from agent_sidecar.config import Config
from fleet.contract import trusted_path
from fleet.contract.errors import FleetError
from fleet.contract.service_units import exec_start, property_list, quoted, start_of

HANDLE_EVERY: Final = 60
"""Seconds between looks for commands: the default life of a command."""


class Scheduler(StrEnum):
    """What starts the program."""

    CRON = "cron"
    LAUNCHD = "launchd"
    SYSTEMD = "systemd"


class What(StrEnum):
    """What is started: a one-shot from time to time, or the daemon for good."""

    BEAT = "beat"
    HANDLE = "handle"
    RUN = "run"


class Unit(Protocol):
    """What installation needs to know; `every` is None for what stays."""

    @property
    def name(self) -> str: ...
    @property
    def label(self) -> str: ...
    @property
    def every(self) -> int | None: ...


@dataclass(frozen=True, slots=True)
class Job:
    """One thing to run. `every` is s between starts, None: it stays. `user` is the account that a
    unit of the system runs as; empty: a unit of a user's own."""

    agent: str
    what: What
    argv: tuple[str, ...]
    environ: Mapping[str, str] = field(default_factory=dict)
    every: int | None = None
    user: str = ""

    @property
    def name(self) -> str:
        return f"fleet-sidecar-{self.agent}-{self.what}"

    @property
    def label(self) -> str:
        return f"fleet.sidecar.{self.agent}.{self.what}"


def job(config: Config, what: What, every: int | None, user: str = "") -> Job:
    """The job for this agent; settings that are not in a file go along in its environment."""
    given = {
        name: config.given[name]  # ${NAME} stays one: no secret stands in a unit
        for name, origin in config.origins.items()
        if origin in ("flag", "environment")
    }
    if os.environ.get("FLEET_AGENT_ENV"):
        given["FLEET_AGENT_ENV"] = str(Path(os.environ["FLEET_AGENT_ENV"]).absolute())
    start = start_of("agent-sidecar", "agent_sidecar")
    usual = round(config.interval) if what is What.BEAT else HANDLE_EVERY
    return Job(
        config.agent,
        what,
        (*start, str(what)),
        dict(sorted(given.items())),
        None if what is What.RUN else every or usual,
        user,
    )


def account(kept_in: Path, named: str | None, program: str = "a sidecar") -> str:
    """Whose unit it is: the one `named`, else for root whoever owns the folder `kept_in`, or its
    nearest one that is there; empty for everybody else, whose unit is his own.

    Raises:
        FleetError: there is no such account, or root installs for nobody: as root `program` would
            leave files that the account of its daemon cannot use.
    """
    if named:
        try:
            pwd.getpwnam(named)
        except KeyError:
            raise FleetError(f"there is no account {named!r}", "", "getent passwd") from None
    if os.geteuid() or named:
        return named or ""
    folder = next(path for path in (kept_in, *kept_in.parents) if path.is_dir())
    owner = folder.stat().st_uid
    if owner == 0:
        raise FleetError(
            "a unit of the system needs an account to run as",
            f"{folder} belongs to root, and {program} should not be root",
            "--user NAME, or run this as that account; --user root if it must be",
        )
    try:
        return pwd.getpwuid(owner).pw_name
    except KeyError:
        return str(owner)


def files(wanted: Job, scheduler: Scheduler) -> dict[str, str]:
    """Content by file name; for cron the name is only a name.

    Raises:
        FleetError: this scheduler cannot do it.
    """
    if scheduler is Scheduler.CRON:
        return {"crontab": _cron_line(wanted)}
    if scheduler is Scheduler.LAUNCHD:
        return {f"{wanted.label}.plist": _plist(wanted)}
    return _units(wanted)


# --- cron


def _cron_line(wanted: Job) -> str:
    words = [f"{name}={shlex.quote(value)}" for name, value in wanted.environ.items()]
    words += [shlex.quote(word) for word in wanted.argv]
    # An unescaped % ends a cron command; what follows would be its stdin.
    command = " ".join(words).replace("%", r"\%")
    when = "@reboot" if wanted.every is None else _cron_time(wanted.every)
    return f"{when} {command} </dev/null >/dev/null\n"


def _cron_time(every: int) -> str:
    minutes, rest = divmod(every, 60)
    if not rest and 1 <= minutes < 60 and 60 % minutes == 0:
        return f"*/{minutes} * * * *"
    if not rest and minutes and minutes % 60 == 0 and 24 % (minutes // 60) == 0:
        return f"0 */{minutes // 60} * * *" if minutes < 1440 else "0 0 * * *"
    raise FleetError(
        f"cron cannot run something every {every} s",
        "it knows whole parts of an hour or of a day",
        "--every 600, or --as systemd",
    )


# --- launchd


def _plist(wanted: Job) -> str:
    content: dict[str, Any] = {
        "Label": wanted.label,
        "ProgramArguments": list(wanted.argv),
        "RunAtLoad": True,
        "ProcessType": "Background",
        "StandardInPath": "/dev/null",
    }
    if wanted.user:
        content["UserName"] = wanted.user
    if wanted.environ:
        content["EnvironmentVariables"] = dict(wanted.environ)
    if wanted.every is None:
        content["KeepAlive"] = True
    else:
        content["StartInterval"] = wanted.every
    return property_list(content)


# --- systemd


def _units(wanted: Job) -> dict[str, str]:
    stays = wanted.every is None
    service = [
        "[Unit]",
        f"Description=Fleet sidecar of {wanted.agent}: {wanted.what}",
        "Wants=network-online.target",
        "After=network-online.target",
        "",
        "[Service]",
        f"Type={'simple' if stays else 'oneshot'}",
        *([f"User={wanted.user}"] if wanted.user else []),
        *(f"Environment={quoted(f'{name}={value}')}" for name, value in wanted.environ.items()),
        exec_start(wanted.argv),
        *(["Restart=always", "RestartSec=5"] if stays else []),
        "NoNewPrivileges=yes",
        "UMask=0077",
        *(["", "[Install]", "WantedBy=default.target"] if stays else []),
    ]
    made = {f"{wanted.name}.service": "\n".join(service) + "\n"}
    if wanted.every is not None:
        timer = [
            "[Unit]",
            f"Description=Fleet sidecar of {wanted.agent}: {wanted.what} every {wanted.every} s",
            "",
            "[Timer]",
            "OnActiveSec=1",
            f"OnUnitActiveSec={wanted.every}",
            # Without these a timer may be a minute late, and a whole fleet beats in step.
            "AccuracySec=1",
            f"RandomizedDelaySec={wanted.every // 50}",
            "",
            "[Install]",
            "WantedBy=timers.target",
        ]
        made[f"{wanted.name}.timer"] = "\n".join(timer) + "\n"
    return made


# --- installation


def folder_of(scheduler: Scheduler) -> Path:
    """Where the system looks for units of this user; of the system for root."""
    root = os.geteuid() == 0
    if scheduler is Scheduler.LAUNCHD:
        return (
            Path("/Library/LaunchDaemons") if root else Path("~/Library/LaunchAgents").expanduser()
        )
    return Path("/etc/systemd/system") if root else Path("~/.config/systemd/user").expanduser()


def write(made: Mapping[str, str], folder: Path) -> list[Path]:
    """Write the files and say where.

    Raises:
        FleetError: the folder cannot be written.
    """
    paths = []
    for name, content in made.items():
        path = folder / name
        try:
            trusted_path.make_folder(folder, 0o755)
            trusted_path.write_text(path, content)
        except OSError as error:
            raise FleetError(
                f"{path} cannot be written", error.strerror or "", "--dir FOLDER, or sudo"
            ) from None
        paths.append(path)
    return paths


def activation(wanted: Unit, scheduler: Scheduler) -> list[list[str]]:
    """The commands that make the system take up the files."""
    root = os.geteuid() == 0
    if scheduler is Scheduler.LAUNCHD:
        domain = "system" if root else f"gui/{os.getuid()}"
        return [
            ["launchctl", "bootstrap", domain, str(folder_of(scheduler) / f"{wanted.label}.plist")]
        ]
    control = ["systemctl"] if root else ["systemctl", "--user"]
    unit = f"{wanted.name}.{'service' if wanted.every is None else 'timer'}"
    return [[*control, "daemon-reload"], [*control, "enable", "--now", unit]]


def activate(commands: list[list[str]]) -> None:
    """
    Raises:
        FleetError: one of them failed; says which.
    """
    for command in commands:
        done = _call(command)
        if done.returncode:
            why = (done.stderr.strip().splitlines() or ["it says nothing"])[-1]
            raise FleetError("the files are written, but not taken up", why, shlex.join(command))


def into_crontab(wanted: Unit, line: str, user: str = "") -> None:
    """Put the line into the crontab of `user` (empty: our own) in place of the one that was there.

    Raises:
        FleetError: there is no crontab program, or it refuses.
    """
    mark = f"# {wanted.name}"
    other = user and user != pwd.getpwuid(os.geteuid()).pw_name
    crontab = ["crontab", *(["-u", user] if other else [])]
    before = _call([*crontab, "-l"])
    kept: list[str] = []
    skip = False
    for known in before.stdout.splitlines() if before.returncode == 0 else []:
        if not skip and known != mark:
            kept.append(known)
        skip = known == mark
    done = _call([*crontab, "-"], "\n".join([*kept, mark, line]))
    if done.returncode:
        raise FleetError("the crontab cannot be changed", done.stderr.strip(), "crontab -e")


def _call(command: list[str], given: str | None = None) -> subprocess.CompletedProcess[str]:
    try:
        return subprocess.run(
            command, input=given, capture_output=True, text=True, timeout=30, check=False
        )
    except (OSError, subprocess.TimeoutExpired) as error:
        return subprocess.CompletedProcess(command, 127, "", f"{command[0]}: {error}")
