"""The hub watches certificates: the alert `certificate-expiry`, of itself and of each agent.

It learns of them from its own home, from the broker's handshake, and for agents from the copies
that enrolment keeps without their keys. A certificate that somebody else issued to an agent is
not seen here.
"""

from __future__ import annotations

import asyncio
import logging
import math
from collections.abc import Iterator
from typing import TYPE_CHECKING, Final

from fleet.bus import broker_certificate
from fleet.bus.connect_options import connect_options
from fleet.contract.errors import FleetError
from fleet.contract.vocabulary import HubAlertCode
from fleet.domain.certificate_expiry import severity_of_days
from fleet.domain.events import Event, Fact
from fleet.hub.committer import HUB
from fleet.provisioning.certificates import Authority, validity
from fleet.provisioning.issued import Validity
from fleet.provisioning.registry import Registry
from fleet.settings import Settings

if TYPE_CHECKING:
    from fleet.hub.hub import Hub

FIRST: Final = 5.0
"""Seconds after the start: the backlog goes first."""

EVERY: Final = 6 * 3600.0
"""Seconds between looks: the last step is a day before the end."""

DOUBTED: Final = 60.0
"""Seconds between looks while the hub's clock is doubted: by that clock nothing ends."""

CODE: Final = HubAlertCode.CERTIFICATE_EXPIRY
_log = logging.getLogger(__name__)


class CertificateWatch:
    """A service of the hub. `first` and `every` are seconds."""

    name = "certificates"

    def __init__(self, hub: Hub, first: float = FIRST, every: float = EVERY) -> None:
        self._hub = hub
        self._first = first
        self._every = every

    async def run(self) -> None:
        await asyncio.sleep(self._first)
        while True:
            await self.check()
            doubted = self._hub.committer.time.doubt is not None
            await asyncio.sleep(min(self._every, DOUBTED) if doubted else self._every)

    async def check(self) -> None:
        """Look once; raise, change or resolve alerts. What cannot be read changes nothing, nor does
        a clock that is doubted: the hub says that of its clock, and no certificate is at fault."""
        if self._hub.committer.time.doubt is not None:
            return
        try:
            found = await asyncio.to_thread(by_owner, self._hub.settings)
        except FleetError as error:
            _log.warning("certificates could not be read: %s: %s", error.what, error.why)
            return
        committer = self._hub.committer
        now = committer.now()
        events = list(self._changes(found, now))
        gone = [alert for alert in committer.book.firing() if alert.code == CODE]
        events += [
            Event(Fact.ALERT_RESOLVED, alert.agent, now, CODE)
            for alert in gone
            if alert.agent not in found
            or severity_of_days(found[alert.agent].days_left(now)) is None
        ]
        if events:
            await committer.write(events)

    def _changes(self, found: dict[str, Validity], now: float) -> Iterator[Event]:
        for owner, one in found.items():
            left = one.days_left(now)
            severity = severity_of_days(left)
            known = self._hub.committer.book.firing_of(owner).get(CODE)
            if severity is None or (known is not None and known.severity is severity):
                continue
            _log.warning("%s ends in %.1f days: %s", one.subject, left, one.file)
            yield Event(
                Fact.ALERT_FIRING, owner, now, CODE, severity, amount=float(math.floor(left))
            )


def by_owner(settings: Settings) -> dict[str, Validity]:
    """Whose certificate ends when: of the hub the first to end of all that it needs, of an agent
    the last of those that it may use, since it gets a new one before the old is revoked.

    Raises:
        ConfigError: one of them cannot be read.
    """
    authority = Authority(settings.home)
    own = [*authority.of_the_hub(), *_beside(settings)]
    found = {HUB: min(own, key=lambda one: one.ends)} if own else {}
    for name, agent in (Registry(settings.home).agents() or {}).items():
        issued = [one for one in map(authority.of_client, agent.serials) if one is not None]
        if issued:
            found[name] = max(issued, key=lambda one: one.ends)
    return found


def _beside(settings: Settings) -> Iterator[Validity]:
    """What the hub connects with, and what the broker shows."""
    for path in (settings.ca_file, settings.cert_file):
        if path is not None:
            yield validity(path)
    for options in connect_options(settings).each():
        ends = broker_certificate.ends_at(options) if options.url.tls else None
        if ends is not None:
            yield Validity(str(options.url), "the broker's certificate", ends)
