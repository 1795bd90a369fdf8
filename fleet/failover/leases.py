"""Leases go out: each answers the newest message of its agent, at once and once."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING

from fleet.contract.errors import BrokerError, ConfigError, RefusedError
from fleet.contract.timestamps import timestamp
from fleet.contract.vocabulary import MessageKind, PairRole
from fleet.domain.failover.lease_book import LeaseBook
from fleet.domain.failover.pair import TTL, Pair

if TYPE_CHECKING:
    from fleet.hub.hub import Hub

_log = logging.getLogger(__name__)


class LeaseSender:
    """`sent`, `failed`: leases since the start."""

    def __init__(self, hub: Hub, book: LeaseBook) -> None:
        self._hub, self._book = hub, book
        self._told = False
        self.sent = self.failed = 0

    async def send(self, pair: Pair) -> None:
        """What is due to both agents, of a pair as it is stored."""
        for agent, role in zip(pair.agents, pair.roles(), strict=True):
            answered = self._book.due(agent, pair.epoch)
            if answered is not None and self._hub.leading.is_certain:
                self._book.give(agent, pair.epoch, active=role is PairRole.ACTIVE)
                await self._send(pair, agent, role, answered)

    async def _send(
        self, pair: Pair, agent: str, role: PairRole, answered: tuple[int, int]
    ) -> None:
        topic = self._hub.topics.of(MessageKind.LEASE, agent)
        message = {
            "pair": pair.name, "role": role.value, "epoch": pair.epoch, "ttl": TTL,
            "ts": timestamp(self._hub.committer.now()), "boot": answered[0], "seq": answered[1],
        }  # fmt: skip
        try:
            await self._hub.bus.publish(topic, self._hub.signed(topic, message))
            self.sent += 1
        except RefusedError as error:
            self.failed += 1
            if not self._told:
                self._told = True
                _log.error("no lease can be sent: %s: %s. Try: fleet acl update", *error.args[:2])
        except (BrokerError, ConfigError):  # the next heartbeat is answered, too
            self.failed += 1
