"""What is tried as one agent, in each version of MQTT, with a witness that judges by delivery.

SUBACK and PUBACK prove nothing: an MQTT 3.1.1 broker acknowledges what it denies, and a static
`acl_file` grants every SUBSCRIBE. The witness has the hub's credential and looks at what arrives.
It must see a control message after every round; a blind witness is an error, not a clean bill.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import logging
import time
from collections.abc import Sequence
from contextlib import AsyncExitStack
from typing import Final

from fleet.acl import attempts, leftovers
from fleet.acl.known_agents import KnownAgents
from fleet.acl.proof_report import Opening, ProofReport, Way
from fleet.acl.sides import Sides, blind
from fleet.bus.port import Will
from fleet.bus.raw_client import RawClient, Version
from fleet.contract import reserved
from fleet.contract.errors import BrokerError
from fleet.contract.topics import CONTROL, TO_AGENT
from fleet.contract.vocabulary import MessageKind
from fleet.provisioning.dynsec import Dynsec
from fleet.provisioning.enrolment import Credential
from fleet.settings import Settings

INTRUDER: Final = "acl-proof-intruder"
"""The account that an attempt on `$CONTROL` would make."""

_log = logging.getLogger(__name__)

_SHARES: Final = 4
"""Messages a share group gets: a thief in it would take every second one."""


class Prover:
    """Tries everything as one agent in the versions of MQTT that there are and adds to `report`.
    Without a `dynsec`: what the hub itself may not read is not tried, and is named."""

    def __init__(
        self,
        settings: Settings,
        dynsec: Dynsec | None,
        credential: Credential,
        victims: Sequence[str],
        report: ProofReport,
    ) -> None:
        self._settings = settings
        self._topics = settings.topics
        self._dynsec = dynsec
        self._sides = Sides(settings, credential)
        self._agent = credential.agent
        self._victims = victims
        self._report = report
        self._barrier = self._sides.barrier
        self._unseen: set[str] = set()

    async def run(self, known: Sequence[str] = ()) -> None:
        """`known`: agents that are there, against whom it is tried as well."""
        self._report.agents.append(self._agent)
        versions = list(Version) if self._dynsec else await self._spoken()
        self._sides.newest = versions[-1]
        await self._sides.require_login()
        tried = attempts.foreign_publishes(self._topics, self._agent, self._victims)
        try:
            async with self._sides.hub() as witness:
                await self._see(witness)
                for version in versions:
                    await self._publish(witness, version)
                    await self._will(witness, version)
                    await self._subscribe(witness, version)
                    await self._share(witness, version)
                    await self._connect(version)
            await KnownAgents(self._settings, self._sides, self._report).run(known)
        finally:
            topics = [topic for topic in tried if topic not in self._unseen and topic != CONTROL]
            await leftovers.clear(self._sides, topics, self._report.left)
            with contextlib.suppress(BrokerError):
                await self._end_intruder()

    async def _spoken(self) -> list[Version]:
        """The versions that the broker speaks with the hub."""
        spoken = []
        for version in Version:
            try:
                async with self._sides.hub(version):
                    spoken.append(version)
            except BrokerError:
                if version is Version.V311:
                    raise
        return spoken

    async def _see(self, witness: RawClient) -> None:
        """Let the witness see exactly the topics that will be tried, not the whole fleet's."""
        tried = attempts.foreign_publishes(self._topics, self._agent, self._victims)
        for topic in dict.fromkeys((self._barrier, *tried)):
            if topic == CONTROL:
                if self._dynsec is None:
                    self._unseen.add(topic)
            elif not await witness.subscribe(topic):
                needed = topic == self._barrier or self._victims[0] in topic.split("/")
                if self._dynsec is not None or needed:
                    raise blind(f"the hub may not read {topic}")
                self._unseen.add(topic)
        self._report.untried += [f"publish {topic}" for topic in sorted(self._unseen)]

    async def _publish(self, witness: RawClient, version: Version) -> None:
        every = attempts.foreign_publishes(self._topics, self._agent, self._victims)
        topics = [topic for topic in every if topic not in self._unseen]
        tried: dict[bytes, tuple[Way, str]] = {}
        for retain in (False, True):
            batch = {_payload(topic): topic for topic in topics}
            way = Way.RETAIN if retain else Way.PUBLISH
            tried |= {payload: (way, topic) for payload, topic in batch.items()}
            if self._dynsec is None:  # one may hang up on what it denies, as Mosquitto by a file
                for payload, topic in batch.items():
                    async with self._sides.visit(version) as prober:
                        await prober.publish(topic, payload, retain=retain)
                continue
            async with self._sides.visit(version) as prober:
                sending = (prober.publish(t, p, retain=retain) for p, t in batch.items())
                await asyncio.gather(*sending)
                if not prober.alive:
                    raise blind("the broker hung up on the prober")
        await self._judge(witness, tried, version)
        if await self._end_intruder():
            self._found(Way.CONTROL, CONTROL, version)

    async def _will(self, witness: RawClient, version: Version) -> None:
        """Each connection pushes the one before it out, and the broker sends that one's will
        before it lets the next one in: no waiting is needed. NATS holds who does that again and
        again for two that fight; it binds ids to nobody, so there each will has one of its own."""
        free = self._dynsec is None and await self._may_connect_as(self._ids()[0], version)
        every = attempts.foreign_wills(self._topics, self._agent, self._victims)
        topics = [topic for topic in every if topic not in self._unseen]
        tried: dict[bytes, tuple[Way, str]] = {}
        async with AsyncExitStack() as stack:
            for topic in topics:
                for retain in (False, True):
                    payload = _payload(topic)
                    tried[payload] = (Way.WILL, topic)
                    will = Will(topic, payload, retain=retain)
                    client_id = f"{self._agent}-{attempts.GROUP}-{len(tried)}" if free else None
                    with contextlib.suppress(BrokerError):  # refused for its will: as it should be
                        await stack.enter_async_context(self._sides.visit(version, will, client_id))
                        if free:
                            await stack.enter_async_context(
                                self._sides.visit(version, None, client_id)
                            )
            await stack.enter_async_context(self._sides.visit(version))
        await self._judge(witness, tried, version)

    async def _subscribe(self, witness: RawClient, version: Version) -> None:
        """All filters at once; only where something came through, one by one to name it."""
        filters = attempts.foreign_filters(self._topics, self._agent, self._victims)
        self._report.attempts += len(filters)
        if await self._heard(witness, version, filters):
            for pattern in filters:
                if await self._heard(witness, version, [pattern]):
                    self._found(Way.SUBSCRIBE, pattern, version)

    async def _heard(self, witness: RawClient, version: Version, filters: Sequence[str]) -> bool:
        """Whether subscribing to `filters` brings anything but the control message."""
        async with self._sides.visit(version) as prober:
            if not await prober.subscribe(self._barrier):
                raise blind(f"{self._agent} may not read its own commands")
            for pattern in filters:
                await prober.subscribe(pattern)
            for topic in self._bait():
                if not await witness.publish(topic, _payload(topic)):
                    self._leave_out(f"read {topic}")
            if self._dynsec:
                await self._dynsec.defaults()  # something to overhear on $CONTROL
            if not await self._sides.reached(witness, prober):
                dead = "" if witness.alive else ": the broker hung up on the hub"
                raise blind(f"{self._agent} did not get its own command{dead}")
            return any(message.topic != self._barrier for message in prober.received)

    async def _share(self, witness: RawClient, version: Version) -> None:
        """By what the hub loses, since a denied delivery to a thief is a lost message. At a broker
        that gives the hub nothing by a share, as NATS, there is nothing to steal."""
        for pattern, topic in attempts.shared_filters(self._topics, self._victims):
            self._report.attempts += 1
            if not await witness.publish(topic, _payload(topic)):
                self._leave_out(f"share {pattern}")
                continue
            async with self._sides.visit(version) as prober, self._sides.hub() as member:
                await member.subscribe(self._barrier)
                granted = await member.subscribe(pattern)
                if self._dynsec is None and not (
                    granted and await self._gets_all(member, witness, topic)
                ):
                    self._leave_out(f"share {pattern}")
                    continue
                if not granted:
                    raise blind(f"the hub may not read {pattern}")
                await prober.subscribe(pattern)
                if not await self._gets_all(member, witness, topic):
                    self._found(Way.SHARE, pattern, version)

    async def _gets_all(self, member: RawClient, witness: RawClient, topic: str) -> bool:
        """Whether each of some messages to `topic` comes to `member`."""
        sent = [_payload(topic) for _ in range(_SHARES)]
        for payload in sent:
            await witness.publish(topic, payload)
        if not await self._sides.reached(witness, member):
            raise blind("the hub does not see what it should")
        return set(sent) <= {message.payload for message in member.received}

    def _leave_out(self, what: str) -> None:
        """The hub itself may not do what it takes to try it, as in a role of an older version."""
        if what not in self._report.untried:
            self._report.untried.append(what)

    async def _connect(self, version: Version) -> None:
        """Under others' client ids, and as nobody."""
        for client_id in self._ids():
            self._report.attempts += 1
            if await self._may_connect_as(client_id, version):
                self._found(Way.CLIENT_ID, client_id, version)
        self._report.attempts += 1
        with contextlib.suppress(BrokerError):
            async with self._sides.nobody(version):
                self._found(Way.ANONYMOUS, self._agent, version)

    def _ids(self) -> list[str]:
        ids = attempts.foreign_client_ids(self._topics, self._agent, self._victims)
        if self._dynsec is None:  # where ids are bound to nobody it would push the hub out
            ids.remove(self._topics.manager)
        return ids

    async def _may_connect_as(self, client_id: str, version: Version) -> bool:
        """Whether the broker takes that id. One that puts the account in its place lets everybody
        in, and ends the agent's own connection by that."""
        with contextlib.suppress(BrokerError):
            async with (
                self._sides.visit(version) as own,
                self._sides.visit(version, None, client_id),
            ):
                await own.subscribe(self._barrier)  # answered, or ended by the loss
                return own.alive
        return False

    async def _end_intruder(self) -> bool:
        """Take away the account that an attempt made, if one did."""
        if self._dynsec is None or await self._dynsec.account(INTRUDER) is None:
            return False
        await self._dynsec.run({"command": "deleteClient", "username": INTRUDER})
        return True

    async def _judge(
        self, witness: RawClient, tried: dict[bytes, tuple[Way, str]], version: Version
    ) -> None:
        """Everything tried that reached the witness is an opening."""
        self._report.attempts += len(tried)
        if not await self._sides.reached(witness, witness):
            raise blind("the hub does not see what it publishes itself")
        for way, topic in {
            tried[message.payload] for message in witness.received if message.payload in tried
        }:
            self._found(way, topic, version)

    def _bait(self) -> list[str]:
        kinds = [kind for kind in MessageKind if kind is not MessageKind.BROADCAST]
        agents = [*self._victims]
        if self._agent in reserved.PROBES:
            agents.append(self._agent)
        allowed = {self._topics.of(kind, self._agent) for kind in TO_AGENT}
        foreign = {self._topics.of(kind, agent) for agent in agents for kind in kinds}
        return sorted(foreign - allowed)

    def _found(self, way: Way, topic: str, version: Version) -> None:
        self._report.openings.append(Opening(self._agent, way, topic, version.value))


def _payload(topic: str) -> bytes:
    """On `$CONTROL` an account without any right; elsewhere what tells of the proof."""
    if topic == CONTROL:
        return json.dumps(
            {"commands": [{"command": "createClient", "username": INTRUDER}]}
        ).encode()
    return reserved.payload(time.time())
