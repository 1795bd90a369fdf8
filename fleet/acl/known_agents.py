"""The proof against agents that are there: a right that names one of them outright is found so.

Nothing is done to them that could hurt. What is published is no message of the contract, so hub and
sidecar refuse it, should it get through; nothing is retained, no last will, and nobody connects
under their client ids. What they say and are told is what there is to overhear: retained messages,
and a health-check that the hub sends as on any day.
"""

from __future__ import annotations

import asyncio
import contextlib
import secrets
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from fleet.acl.proof_report import Opening, ProofReport, Way
from fleet.acl.sides import Sides, blind
from fleet.bus.raw_client import RawClient
from fleet.contract.errors import BrokerError, ConfigError
from fleet.contract.topics import FROM_AGENT, TO_AGENT, is_agent_name
from fleet.contract.vocabulary import MessageKind, Verb
from fleet.hub_client import HubClient, HubError
from fleet.provisioning.registry import Registry
from fleet.settings import Settings

MOST: Final = 8
"""Agents that are tried unasked: each takes about ten connections, and answers a health-check."""

PATIENCE: Final = 3.0
"""Seconds for an agent to answer; one that is away has no command published."""

ANSWER: Final = (MessageKind.COMMAND, MessageKind.STATUS, MessageKind.RECEIPT)
"""What a health-check brings about: the command, the answer, and the hub's receipt for it."""


@dataclass(frozen=True, slots=True)
class Known:
    """Who is tried, and how many others there are on the list."""

    names: tuple[str, ...]
    others: int = 0


def chosen(settings: Settings, agent: str, asked: Sequence[str]) -> Known:
    """Those that were asked for; else the first of the list, where fleet makes no accounts. (Where
    it does, each account's rights are read.)

    Raises:
        ConfigError: one is no agent's name, or the one that tries.
    """
    for name in asked:
        if not is_agent_name(name) or name == agent:
            why = "it is the agent that tries" if name == agent else "it is no name of an agent"
            raise ConfigError(f"--victim {name!r} is not usable", why, "fleet agent list")
    listed = sorted(set(Registry(settings.home).agents() or {}) - {agent})
    if asked:
        return Known(tuple(dict.fromkeys(asked)), len(set(listed) - set(asked)))
    if settings.broker_kind.has_enrolment:
        return Known(())
    return Known(tuple(listed[:MOST]), len(listed[MOST:]))


class KnownAgents:
    """Tries as one agent against others, and adds to `report`."""

    def __init__(self, settings: Settings, sides: Sides, report: ProofReport) -> None:
        self._settings = settings
        self._topics = settings.topics
        self._sides = sides
        self._report = report

    async def run(self, victims: Sequence[str]) -> None:
        for victim in victims:
            self._report.against.append(victim)
            async with self._sides.hub() as witness:
                await witness.subscribe(self._sides.barrier)
                for kind in (*FROM_AGENT, *TO_AGENT):
                    if not await witness.subscribe(self._topics.of(kind, victim)):
                        raise blind(f"the hub may not read {self._topics.of(kind, victim)}")
                await self._publish(witness, victim)
                await self._subscribe(witness, victim)

    async def _publish(self, witness: RawClient, victim: str) -> None:
        tried: dict[bytes, str] = {}
        for kind in (*FROM_AGENT, *TO_AGENT):
            topic, payload = self._topics.of(kind, victim), _refused()
            tried[payload] = topic
            async with self._sides.visit(self._sides.newest) as prober:
                await prober.publish(topic, payload)
        self._report.attempts += len(tried)
        if not await self._sides.reached(witness, witness):
            raise blind("the hub does not see what it publishes itself")
        for topic in sorted({tried[m.payload] for m in witness.received if m.payload in tried}):
            self._found(Way.PUBLISH, topic)

    async def _subscribe(self, witness: RawClient, victim: str) -> None:
        own = [self._topics.of(kind, victim) for kind in (*FROM_AGENT, *TO_AGENT)]
        self._report.attempts += len(own)
        async with self._sides.visit(self._sides.newest) as prober:
            if not await prober.subscribe(self._sides.barrier):
                raise blind(f"{self._sides.agent} may not read its own commands")
            granted = [topic for topic in own if await prober.subscribe(topic)]
            if not granted:
                return
            await self._bait(witness, victim)
            if not await self._sides.reached(witness, prober):
                raise blind(f"{self._sides.agent} did not get its own command")
            heard = {message.topic for message in prober.received}
            said = {message.topic for message in witness.received}
        for topic in granted:
            if topic in heard:
                self._found(Way.SUBSCRIBE, topic)
            elif topic not in said:
                self._report.unheard.append(topic)

    async def _bait(self, witness: RawClient, victim: str) -> None:
        """Let the hub and `victim` speak with each other, if both are there."""
        with contextlib.suppress(HubError, ConfigError, TimeoutError):
            hub = await asyncio.to_thread(HubClient.asked, self._settings)
            if hub is None:
                return
            body = {"to": victim, "verb": Verb.HEALTH_CHECK.value}
            await asyncio.to_thread(hub.post, "/v1/send", body)
            wanted = {self._topics.of(kind, victim) for kind in ANSWER}
            async with asyncio.timeout(PATIENCE):
                while not wanted <= {one.topic for one in witness.received if not one.retain}:
                    await asyncio.sleep(0.02)
                    if not witness.alive:
                        raise BrokerError("the broker hung up on the hub")

    def _found(self, way: Way, topic: str) -> None:
        opening = Opening(self._sides.agent, way, topic, self._sides.newest.value)
        self._report.openings.append(opening)


def _refused() -> bytes:
    """No message of the contract on any topic but a receipt's, and there for a session that never
    was; no two are alike."""
    return b'{"boot":0,"seq":%d}' % secrets.randbelow(2**53)
