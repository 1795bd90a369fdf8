"""What is particular to runs that end by themselves: when they are done, and what they tell."""

from __future__ import annotations

import logging
from enum import Enum
from pathlib import Path
from typing import Final

from agent_sidecar.files import replace_text
from fleet.contract.broker_capabilities import Lack
from fleet.contract.errors import FleetError

log = logging.getLogger(__name__)

TIMEOUT: Final = 10.0
"""Seconds until such a run gives up, unless it is told otherwise."""

QUIET: Final = 0.25
"""Seconds without a message after which no more commands are expected to wait at the broker."""

LEAST_QUIET: Final = 0.08
"""The same of a run that only looks by the way, at a broker that is quick to answer."""

ANSWERS: Final = 8
"""So many times as long as the broker took to welcome us may it take to bring what waits: most do
both in one breath, and the publish of such a run is acknowledged in between."""

HOPE: Final = 1.5
"""Seconds a one-shot waits for the hub's receipt, where there is a hub that sends them."""


class NotThroughError(FleetError):
    """The broker does not have all that a one-shot was given; its outbox has what matters.

    Any other error came before the outbox took anything.
    """


class Purpose(Enum):
    """Why the runner runs, and so when it is done."""

    DAEMON = "until it is told to stop"
    BEAT = "one bus heartbeat, then whatever waits"
    HANDLE = "whatever waits"
    PUBLISH = "the messages it was given"
    LISTEN = "commands, until it is told to stop"

    @property
    def ends(self) -> bool:
        """Whether it is done by itself."""
        return self in (Purpose.BEAT, Purpose.HANDLE, Purpose.PUBLISH)

    def quiet(self, welcome: float) -> float:
        """Seconds without a message after which it is done, where the broker took `welcome`
        seconds to answer the CONNECT. Who came to carry commands out waits longest; what another
        run misses, the next one finds."""
        if self is Purpose.HANDLE:
            return QUIET
        return min(QUIET, max(LEAST_QUIET, ANSWERS * welcome))


def tell_lack(state: Path, lack: Lack | None, *, sure: bool) -> None:
    """Say what the broker cannot do, once until that changes: cron mails each word. `sure`: the
    broker says itself whether it can; else nothing was met this time."""
    path = state / "lack"
    if lack is None:
        if sure and path.exists():
            is_news(path, "")
    elif is_news(path, lack.sentence):
        log.error("%s", lack.sentence)
        log.error("Try: %s", lack.remedy)


def is_news(path: Path, told: str) -> bool:
    """Whether `told` differs from what the last run wrote into `path`; writes it there."""
    try:
        if path.read_text() == told:
            return False
    except (OSError, ValueError):  # none, or no text: it is written anew
        pass
    try:
        replace_text(path, told)
    except OSError as error:
        log.warning("%s could not be written: %s", path, error.strerror)
    return True
