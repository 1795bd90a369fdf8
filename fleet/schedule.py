"""What runs from time to time beside the hub, as crontab lines, property lists or units.

How a unit is written and taken up is the same as for the sidecar's, so it is shared.
"""

from __future__ import annotations

import shlex
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

from agent_sidecar.schedule import Scheduler
from fleet.contract.errors import ConfigError
from fleet.contract.service_units import exec_start, property_list, quoted, start_of
from fleet.settings import PATHS, Settings

PROGRAM: Final = "what reads the hub's files"
"""As the error calls it, where root installs for nobody."""

_DAYS: Final = ("Sun", "Mon", "Tue", "Wed", "Thu", "Fri", "Sat")


@dataclass(frozen=True, slots=True)
class Moment:
    """A time of the day, local; `weekday` counts from Sunday, None: each day."""

    hour: int
    minute: int
    weekday: int | None = None


@dataclass(frozen=True, slots=True)
class Task:
    """One thing to run; `when` is s between starts, or a moment. `user` is the account that a unit
    of the system runs as; empty: a unit of a user's own."""

    what: str
    arguments: tuple[str, ...]
    when: int | Moment
    meaning: str
    argv: tuple[str, ...] = ()
    environ: Mapping[str, str] = field(default_factory=dict)
    user: str = ""

    @property
    def name(self) -> str:
        return f"fleet-{self.what}"

    @property
    def label(self) -> str:
        return f"fleet.{self.what}"

    @property
    def every(self) -> int:
        """Seconds between starts, the longest there may be."""
        if isinstance(self.when, int):
            return self.when
        return 86_400 if self.when.weekday is None else 7 * 86_400


TASKS: Final = (
    Task("collect", ("collect", "-o", "jsonl"), 600, "ask all agents for a bus heartbeat"),
    Task("check", ("check",), 300, "one Nagios line; fails when the fleet is not well"),
    # At odd minutes of the night: others take the full hour.
    Task("audit", ("audit", "run", "--quiet", "--save"), Moment(3, 17, 1), "the weekly audit"),
    Task("backup", ("backup", "--keep", "14"), Moment(2, 43), "a copy of the store each night"),
)


def tasks(settings: Settings, wanted: Iterable[str] = (), user: str = "") -> list[Task]:
    """The tasks named (all if none is), ready for this home and for the account `user`.

    Raises:
        ConfigError: there is no task of that name.
    """
    names = list(wanted) or [task.what for task in TASKS]
    known = {task.what: task for task in TASKS}
    for name in names:
        if name not in known:
            raise ConfigError(f"there is no task {name!r}", "", f"one of: {', '.join(known)}")
    home = settings.home.absolute()
    given = {
        origin: _absolute(value) if name in PATHS else value
        for name, (value, source) in settings.origins.items()
        if name != "home" and source.startswith(("--", "FLEET_"))
        for origin in (f"FLEET_{name.upper()}",)
    }
    environ = {"FLEET_HOME": str(home), **given}
    start = start_of("fleet", "fleet")
    made = []
    for name in names:
        task = known[name]
        last = (str(home / "backups"),) if name == "backup" else ()
        argv = (*start, *task.arguments, *last)
        made.append(Task(name, task.arguments, task.when, task.meaning, argv, environ, user))
    return made


def _absolute(path: str) -> str:
    """From wherever it is started; what begins with ${NAME} is put in there, and stays as it is."""
    return path if path.startswith("${") else str(Path(path).expanduser().absolute())


def files(task: Task, scheduler: Scheduler) -> dict[str, str]:
    """Content by file name; for cron the name is only a name."""
    if scheduler is Scheduler.CRON:
        return {"crontab": _cron_line(task)}
    if scheduler is Scheduler.LAUNCHD:
        return {f"{task.label}.plist": _plist(task)}
    return {f"{task.name}.service": _service(task), f"{task.name}.timer": _timer(task)}


_CRON_TAILS: Final = {"collect": " >/dev/null", "check": " | grep -v '^FLEET OK'"}
"""cron mails whatever is printed: nothing should be while all is well."""


def _cron_line(task: Task) -> str:
    words = [f"{name}={shlex.quote(value)}" for name, value in task.environ.items()]
    words += [shlex.quote(word) for word in task.argv]
    # An unescaped % ends a cron command; what follows would be its stdin.
    command = " ".join(words).replace("%", r"\%")
    if isinstance(task.when, Moment):
        day = "*" if task.when.weekday is None else str(task.when.weekday)
        when = f"{task.when.minute} {task.when.hour} * * {day}"
    else:
        when = f"*/{task.when // 60} * * * *"
    return f"{when} {command} </dev/null{_CRON_TAILS.get(task.what, '')}\n"


def _plist(task: Task) -> str:
    content: dict[str, Any] = {
        "Label": task.label,
        "ProgramArguments": list(task.argv),
        "EnvironmentVariables": dict(task.environ),
        "ProcessType": "Background",
        "StandardInPath": "/dev/null",
    }
    if task.user:
        content["UserName"] = task.user
    if isinstance(task.when, Moment):
        moment = {"Hour": task.when.hour, "Minute": task.when.minute}
        if task.when.weekday is not None:
            moment["Weekday"] = task.when.weekday
        content["StartCalendarInterval"] = moment
    else:
        content["StartInterval"] = task.when
    return property_list(content)


def _service(task: Task) -> str:
    lines = [
        "[Unit]",
        f"Description=Fleet: {task.meaning}",
        "Wants=network-online.target",
        "After=network-online.target",
        "",
        "[Service]",
        "Type=oneshot",
        *([f"User={task.user}"] if task.user else []),
        *(f"Environment={quoted(f'{name}={value}')}" for name, value in task.environ.items()),
        exec_start(task.argv),
        "NoNewPrivileges=yes",
        "UMask=0077",
    ]
    return "\n".join(lines) + "\n"


def _timer(task: Task) -> str:
    if isinstance(task.when, Moment):
        day = "" if task.when.weekday is None else f"{_DAYS[task.when.weekday]} "
        # Persistent: a machine that slept through it makes up for it.
        clock = f"{task.when.hour:02}:{task.when.minute:02}:00"
        when = [f"OnCalendar={day}*-*-* {clock}", "Persistent=yes"]
    else:
        when = ["OnActiveSec=1", f"OnUnitActiveSec={task.when}", "AccuracySec=1"]
    lines = [
        "[Unit]",
        f"Description=Fleet: when to run {task.name}",
        "",
        "[Timer]",
        *when,
        "",
        "[Install]",
        "WantedBy=timers.target",
    ]
    return "\n".join(lines) + "\n"
