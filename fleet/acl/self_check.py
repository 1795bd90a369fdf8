"""The hub proves its broker's ACL now and then: the alert `acl-open`.

Needs the home that `fleet init` or `fleet broker secure` made; without the admin's password
there is nothing to prove with, and the service rests.
"""

from __future__ import annotations

import asyncio
import logging
from typing import TYPE_CHECKING, Final

from fleet.contract.errors import FleetError
from fleet.contract.vocabulary import HubAlertCode
from fleet.domain.events import Event, Fact
from fleet.domain.severities import severity_of
from fleet.hub.committer import HUB
from fleet.provisioning.mosquitto import plan_of

if TYPE_CHECKING:
    from fleet.hub.hub import Hub

FIRST: Final = 60.0
"""Seconds after the start: the backlog goes first."""

EVERY: Final = 86_400.0
"""Seconds between proofs: what opens an ACL is an upgrade or a hand, not the weather."""

_log = logging.getLogger(__name__)


class SelfCheck:
    """A service of the hub. `first` and `every` are seconds."""

    name = "self-check"

    def __init__(self, hub: Hub, first: float = FIRST, every: float = EVERY) -> None:
        self._hub = hub
        self._first = first
        self._every = every

    async def run(self) -> None:
        if not plan_of(self._hub.settings).admin_password.exists():
            return
        await asyncio.sleep(self._first)
        while True:
            await self.check()
            await asyncio.sleep(self._every)

    async def check(self) -> None:
        """Prove once; raise or resolve the alert. What cannot be judged changes nothing."""
        from fleet.acl.proof import prove

        try:
            places = self._hub.settings.at_each()
            openings = [one for place in places for one in await prove(place)]
        except FleetError as error:
            _log.warning("the ACL could not be proven: %s: %s", error.what, error.why)
            return
        for opening in openings:
            _log.error("the ACL is open: %s by %s", opening.way, opening.agent or "everybody")
        committer = self._hub.committer
        now = committer.now()
        code = HubAlertCode.ACL_OPEN
        if openings:
            event = Event(Fact.ALERT_FIRING, HUB, now, code, severity_of(code))
        elif committer.book.fires(HUB, code):
            event = Event(Fact.ALERT_RESOLVED, HUB, now, code)
        else:
            return
        await committer.write([event])
