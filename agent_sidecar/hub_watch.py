"""Whether the hub is there: told on this machine, since nobody else may be left who could.

A hub repeats its last receipt to whoever it hears (ADR-0038). So a sidecar that heard nothing of it
for three intervals says so in its log, in `agent-sidecar check`, and by a command of its own. Only
time counts in which this machine was awake and this process ran.
"""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any, Final

from agent_sidecar import machine_time
from agent_sidecar.config import Config
from agent_sidecar.files import read_kept, replace_text
from fleet.contract.errors import ConfigError

FILE: Final = "hub-heard"

SILENT: Final = 2
"""Exit code of `agent-sidecar check` while the hub is silent."""

REPEATED: Final = 60.0
"""Seconds between two receipts that a hub repeats, at least."""

INTERVALS: Final = 3

SLACK: Final = 20.0
"""Seconds for whatever is under way: beats vary, and a hub is busy."""

PAUSE: Final = 30.0
"""Seconds without a look after which nobody was at work here: this sidecar looks each twelve."""

KNOWN: Final = 3
"""Repetitions by which a hub is known to repeat: one of an older release never does, and then its
silence tells nothing. A few come after a message that was sent twice."""

NEWS: Final = 30.0
"""Seconds after a receipt with news, or after the link came about, in which the same one again is
no such repetition: the broker brings again what was not acknowledged when the link was lost."""

KEEP: Final = 60.0
"""Seconds between two writes of the file, while nothing changes."""

RUN: Final = 30.0
"""Seconds that the command may take."""

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Heard:
    """What is kept: when the hub was heard last, by the machine's clock of this start; whether it
    is silent; how often it repeated a receipt, up to `KNOWN`."""

    at: float = 0.0
    boot_id: str = ""
    silent: bool = False
    repeated: int = 0

    @classmethod
    def of_json(cls, said: Mapping[str, Any]) -> Heard:
        """
        Raises:
            KeyError, TypeError, ValueError: it is none.
        """
        at, repeated = float(said["at"]), int(said["repeated"])
        return cls(at, str(said["boot_id"]), said["silent"] is True, min(repeated, KNOWN))

    @property
    def tells(self) -> bool:
        """Whether silence would tell anything."""
        return self.repeated >= KNOWN

    def age(self) -> float | None:
        """Seconds; None: nobody knows, as after a restart of the machine."""
        here = self.boot_id == machine_time.boot_id() and self.at > 0
        return max(0.0, machine_time.now() - self.at) if here else None


def kept_in(folder: Path) -> Heard:
    """What the sidecar of `folder` wrote last."""
    return read_kept(folder / FILE, Heard.of_json, "when the hub was heard") or Heard()


def command_of(config: Config) -> list[str]:
    """
    Raises:
        ConfigError: the command line has an open quote.
    """
    text = config.text("FLEET_HUB_SILENT")
    if not text:
        return []
    import shlex

    try:
        return shlex.split(text)
    except ValueError as error:
        what, why = "FLEET_HUB_SILENT is not usable", str(error)
        raise ConfigError(what, why, "FLEET_HUB_SILENT=/usr/local/bin/tell-me") from None


class HubWatch:
    """`now` is monotonic s. `linked`: whether there is a link to the broker."""

    def __init__(self, config: Config, linked: Callable[[], bool], now: float) -> None:
        self._path, self._linked = config.state / FILE, linked
        self._command = command_of(config)
        self.patience = INTERVALS * max(config.interval, REPEATED) + SLACK
        self._kept = kept_in(config.state)
        self._heard_at = self._looked_at = now  # who has just begun has not waited yet
        self._news_at, self._newest = now, (0, 0)
        self._unbroken = True
        self._kept_at = float("-inf")

    def heard(self, now: float) -> None:
        """A word of the hub came, and is trusted."""
        self._heard_at = now
        back = self._kept.silent
        self._kept = replace(
            self._kept, at=machine_time.now(), boot_id=machine_time.boot_id(), silent=False
        )
        if back:
            log.warning("the hub is heard again")
            self._tell("back")
        if back or now - self._kept_at >= KEEP:
            self._save(now)

    def receipt(self, boot: int, seq: int, now: float) -> None:
        """A receipt came: with news, or again."""
        if (boot, seq) != self._newest:
            self._newest, self._news_at = (boot, seq), now
            if self._kept.silent:  # it may be of an older release: it has to repeat itself again
                self._kept = replace(self._kept, repeated=KNOWN - 1)
        elif not self._kept.tells and self._unbroken and now - self._news_at >= NEWS:
            self._kept = replace(self._kept, repeated=self._kept.repeated + 1)
            self._kept_at = float("-inf")
        self._unbroken = True
        self.heard(now)

    def link_up(self, now: float, _window: int) -> None:
        self._news_at = now

    def link_down(self) -> None:
        self._unbroken = False

    def acked(self, _mid: int) -> None:
        """What the broker says tells nothing of the hub."""

    def look(self, now: float) -> None:
        """Whether it has been silent for too long by now."""
        away = now - self._looked_at
        self._looked_at = now
        if away > PAUSE:  # nobody was here to hear it
            self._heard_at += away
        waits = now - self._heard_at < self.patience
        if self._kept.silent or not self._kept.tells or waits:
            return
        self._kept = replace(self._kept, silent=True)
        where = "the broker is there" if self._linked() else "nor is the broker there"
        log.error("no word of the hub for %.0f s: %s", now - self._heard_at, where)
        log.error("Nobody may be watching this agent. Try: fleet doctor, where the hub runs")
        self._save(now)
        self._tell("silent")

    def _save(self, now: float) -> None:
        self._kept_at = now
        try:
            replace_text(self._path, _json(self._kept))
        except OSError as error:
            log.warning("when the hub was heard could not be written down: %s", error.strerror)

    def _tell(self, word: str) -> None:
        """Run the command, beside everything else."""
        if self._command:
            argv = [*self._command, word]
            threading.Thread(target=_run, args=(argv,), name="hub-silent", daemon=True).start()


def _json(heard: Heard) -> str:
    import json

    return json.dumps(asdict(heard))


def _run(argv: Sequence[str]) -> None:
    from agent_sidecar.bounded_run import run
    from fleet.contract.errors import FleetError

    try:
        code = run(argv, RUN).code
    except (OSError, FleetError) as error:
        why = getattr(error, "strerror", None) or str(error).replace("\n", "; ")
        log.error("FLEET_HUB_SILENT cannot be started: %s", why)  # noqa: TRY400 - no defect
        return
    if code != 0:
        how = "did not end in time" if code is None else f"ended with {code}"
        log.error("FLEET_HUB_SILENT %s", how)
