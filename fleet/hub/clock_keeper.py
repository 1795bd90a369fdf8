"""Watches the hub's own clock: what is doubted is said, and what is found wrong is put right.

The alert `hub-clock` names the machine that is at fault; agents are not blamed meanwhile.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Final

from fleet.contract.errors import BrokerError
from fleet.contract.timestamps import timestamp
from fleet.contract.vocabulary import HubAlertCode, Notice
from fleet.domain.events import Event, Fact
from fleet.domain.hub_clock import Doubt, Step
from fleet.domain.severities import severity_of
from fleet.hub import machine_clock
from fleet.hub.committer import HUB, Committer

LOOK: Final = 1.0
"""Seconds between looks: a clock that is in doubt is told at once."""

SAVE: Final = 60.0
"""Seconds between notes for the next hub; what changes the time is noted at once."""

WEIGH: Final = 5.0
"""Seconds between looks at what all agents' confirmed skews have in common."""

ASK, ASK_MOST = 20.0, 640.0
"""Seconds after which all agents are asked again for their births while the clock is in doubt, at
first and at most: each tells a time, and one that beats rarely would else be heard much later. It
is asked ever more rarely, since a doubt may last and a fleet be large."""

OnStep = Callable[[Step], None]

_log = logging.getLogger(__name__)


class ClockKeeper:
    """A part of the hub.

    Args:
        home: where the time is noted for the next hub.
        settled: whether nothing waits at the broker that is dated earlier than it comes.
        announce: publishes a notice to all agents.
        listen_again: has the broker tell anew what it retains, and all agents their births.
        on_step: told of each step, before anybody is judged by it.
    """

    name = "clock"

    def __init__(
        self,
        committer: Committer,
        home: Path,
        settled: Callable[[], bool],
        announce: Callable[[Notice], Awaitable[None]],
        listen_again: Callable[[], Awaitable[None]],
        on_step: OnStep,
    ) -> None:
        self._committer = committer
        self._time = committer.time
        self._home = home
        self._settled = settled
        self._announce = announce
        self._listen_again = listen_again
        self._on_step = on_step
        self._doubt: Doubt | None = None
        self._ask_at = self._weighed = self._saved = float("-inf")
        self._pause = ASK
        self._skews: list[float] = []
        self._failed = False

    async def run(self) -> None:
        while True:
            await self.look()
            await asyncio.sleep(LOOK)

    async def look(self) -> None:
        """Weigh the witnesses once, and do what follows."""
        committer, roster = self._committer, self._committer.roster
        loop = asyncio.get_running_loop()
        if loop.time() - self._weighed >= WEIGH:
            self._weighed, self._skews = loop.time(), roster.skews(self._time.began)
        step = self._time.judge(settled=self._settled(), skews=self._skews)
        if step is not None:
            _log.warning("the machine's clock is believed again: time moves by %+.1f s", step.by)
            self._skews = []
            self._on_step(step)
        events = roster.know_clock_error(self._time.error, committer.now())
        doubt = self._time.doubt
        if doubt is not self._doubt or step is not None:
            events += self._told(doubt)
            self._doubt, self._ask_at, self._pause = doubt, float("-inf"), ASK
            await self.save()
        if events or step is not None:
            await committer.write(events, save_all=step is not None)
        if step is not None:
            # What is retained was held against a time that was not known, or was wrong.
            with contextlib.suppress(BrokerError, TimeoutError):
                async with asyncio.timeout(ASK):  # a link that is down must not hold this up
                    await self._listen_again()
        elif self._time.listens and loop.time() >= self._ask_at:
            self._ask_at, self._pause = loop.time() + self._pause, min(2 * self._pause, ASK_MOST)
            with contextlib.suppress(BrokerError):
                await self._announce(Notice.HUB_ONLINE)
        if loop.time() - self._saved >= SAVE:
            await self.save()

    def _told(self, doubt: Doubt | None) -> list[Event]:
        now = self._committer.now()
        if doubt is not None:
            off = self._time.off()
            _log.warning(
                "this machine's clock is not believed: %s (it is %+.1f s off %s); nothing is "
                "deleted meanwhile. Try: timedatectl, or fleet serve --trust-clock",
                doubt.meaning, off, timestamp(now),
            )  # fmt: skip
            severity = severity_of(HubAlertCode.HUB_CLOCK)
            return [Event(Fact.ALERT_FIRING, HUB, now, HubAlertCode.HUB_CLOCK, severity, off)]
        if self._committer.book.fires(HUB, HubAlertCode.HUB_CLOCK):
            return [Event(Fact.ALERT_RESOLVED, HUB, now, HubAlertCode.HUB_CLOCK)]
        return []

    async def save(self) -> None:
        """Note for the next hub what time it is; a slow disk must not stop the hub."""
        self._saved = asyncio.get_running_loop().time()
        home, kept = self._home, self._time.kept()
        written = await asyncio.to_thread(machine_clock.write, home, kept)
        if not written and not self._failed:
            _log.warning("%s cannot be written; it is tried again", home / machine_clock.FILE)
        self._failed = not written
