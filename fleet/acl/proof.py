"""Prove the ACL: try with an agent's credential what must be impossible, and judge by delivery.

SUBACK and PUBACK prove nothing: an MQTT 3.1.1 broker acknowledges what it denies, and a static
`acl_file` grants every SUBSCRIBE. A witness with the hub's credential looks at what arrives. It
must see a control message after every round; a blind witness is an error, not a clean bill.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import time
from collections.abc import AsyncIterator, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import replace
from typing import Final

from fleet.acl import attempts
from fleet.acl.effective_rights import compare
from fleet.acl.proof_report import Opening, ProofReport, Way
from fleet.bus.port import Will
from fleet.bus.raw_client import RawClient, Version
from fleet.contract import reserved
from fleet.contract.errors import BrokerError, FleetError
from fleet.contract.topics import CONTROL
from fleet.contract.vocabulary import MessageKind
from fleet.lock import only_one
from fleet.provisioning import names
from fleet.provisioning.connections import connection_as, dynsec_of
from fleet.provisioning.dynsec import Dynsec, Refused
from fleet.provisioning.dynsec_seed import new_secret
from fleet.provisioning.enrolment import Credential, Enroller
from fleet.settings import Settings

INTRUDER: Final = "acl-proof-intruder"
"""The account that an attempt on `$CONTROL` would make."""

_SHARES: Final = 4
"""Messages a share group gets: a thief in it would take every second one."""


async def prove(settings: Settings) -> list[Opening]:
    """Every opening of the broker in `settings`, found with two agents made for the moment.

    For the hub's periodic self-check (`acl-open`).

    Raises:
        FleetError: the broker cannot be reached, or nothing could be judged.
    """
    return (await examine(settings)).openings


async def examine(settings: Settings, credential: Credential | None = None) -> ProofReport:
    """`prove`, and what every account of the broker may do against what it should.

    With an agent's own `credential` that is what tries; its client id is bound to the account, so
    a sidecar that runs is pushed out meanwhile.

    Raises:
        FleetError: as `prove`.
    """
    report = ProofReport()
    with only_one(settings.home / "acl-proof.lock", "a proof of the ACL"):
        await _examine(settings, credential, report)
    return report


async def _examine(settings: Settings, credential: Credential | None, report: ProofReport) -> None:
    async with dynsec_of(settings) as dynsec:
        async with _probe_agents(settings, dynsec) as (prober, victim):
            await Prover(settings, dynsec, credential or prober, [victim.agent], report).run()
        await compare(settings, dynsec, report)


class Prover:
    """Tries everything as one agent in both versions of MQTT and adds to `report`."""

    def __init__(
        self,
        settings: Settings,
        dynsec: Dynsec,
        credential: Credential,
        victims: Sequence[str],
        report: ProofReport,
    ) -> None:
        self._settings = settings
        self._topics = settings.topics
        self._dynsec = dynsec
        self._credential = credential
        self._agent = credential.agent
        self._victims = victims
        self._report = report
        self._barrier = self._topics.of(MessageKind.COMMAND, self._agent)

    async def run(self) -> None:
        self._report.agents.append(self._agent)
        hub = names.hub_account(self._topics)
        options = connection_as(self._settings, hub, self._settings.password())
        async with RawClient(options, Version.V5) as witness:
            await self._see(witness)
            for version in Version:
                await self._publish(witness, version)
                await self._will(witness, version)
                await self._subscribe(witness, version)
                await self._share(witness, version)
                await self._connect(version)
            await self._clear(witness)

    async def _see(self, witness: RawClient) -> None:
        """Let the witness see exactly the topics that will be tried, not the whole fleet's."""
        tried = attempts.foreign_publishes(self._topics, self._agent, self._victims)
        for topic in dict.fromkeys((self._barrier, *tried)):
            if topic != CONTROL and not await witness.subscribe(topic):
                raise _blind(f"the hub may not read {topic}")

    async def _publish(self, witness: RawClient, version: Version) -> None:
        topics = attempts.foreign_publishes(self._topics, self._agent, self._victims)
        tried: dict[bytes, tuple[Way, str]] = {}
        async with self._visit(version) as prober:
            for retain in (False, True):
                batch = {_payload(topic): topic for topic in topics}
                way = Way.RETAIN if retain else Way.PUBLISH
                tried |= {payload: (way, topic) for payload, topic in batch.items()}
                sending = (prober.publish(t, p, retain=retain) for p, t in batch.items())
                await asyncio.gather(*sending)
            if not prober.alive:
                raise _blind("the broker hung up on the prober")
        await self._judge(witness, tried, version)
        if await self._dynsec.account(INTRUDER) is not None:
            self._found(Way.CONTROL, CONTROL, version)
            await self._dynsec.run({"command": "deleteClient", "username": INTRUDER})

    async def _will(self, witness: RawClient, version: Version) -> None:
        """Each connection pushes the one before it out, and the broker sends that one's will
        before it lets the next one in: no waiting is needed."""
        topics = attempts.foreign_wills(self._topics, self._agent, self._victims)
        tried: dict[bytes, tuple[Way, str]] = {}
        async with AsyncExitStack() as stack:
            for topic in topics:
                for retain in (False, True):
                    payload = _payload(topic)
                    tried[payload] = (Way.WILL, topic)
                    will = Will(topic, payload, retain=retain)
                    with contextlib.suppress(BrokerError):  # refused for its will: as it should be
                        await stack.enter_async_context(self._visit(version, will))
            await stack.enter_async_context(self._visit(version))
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
        async with self._visit(version) as prober:
            if not await prober.subscribe(self._barrier):
                raise _blind(f"{self._agent} may not read its own commands")
            for pattern in filters:
                await prober.subscribe(pattern)
            for topic in self._bait():
                await witness.publish(topic, _payload(topic))
            await self._dynsec.defaults()  # something to overhear on $CONTROL
            control = _payload(self._barrier)
            await witness.publish(self._barrier, control)
            if not await prober.wait_for(control):
                raise _blind(f"{self._agent} did not get its own command")
            return any(message.payload != control for message in prober.received)

    async def _share(self, witness: RawClient, version: Version) -> None:
        """By what the hub loses, since a denied delivery to a thief is a lost message."""
        for pattern, topic in attempts.shared_filters(self._topics, self._victims):
            self._report.attempts += 1
            async with self._visit(version) as prober, self._hub() as member:
                await member.subscribe(self._barrier)
                if not await member.subscribe(pattern):
                    raise _blind(f"the hub may not read {pattern}")
                await prober.subscribe(pattern)
                sent = [_payload(topic) for _ in range(_SHARES)]
                for payload in sent:
                    await witness.publish(topic, payload)
                control = _payload(self._barrier)
                await witness.publish(self._barrier, control)
                if not await member.wait_for(control):
                    raise _blind("the hub does not see what it should")
                if not set(sent) <= {message.payload for message in member.received}:
                    self._found(Way.SHARE, pattern, version)

    async def _connect(self, version: Version) -> None:
        """Under others' client ids, and as nobody."""
        ids = attempts.foreign_client_ids(self._topics, self._agent, self._victims)
        account, secret = self._credential.account, self._credential.secret
        for client_id in ids:
            await self._try_login(Way.CLIENT_ID, account, secret, client_id, version)
        await self._try_login(Way.ANONYMOUS, "", None, self._agent, version)

    async def _try_login(
        self, way: Way, account: str, secret: str | None, client_id: str, version: Version
    ) -> None:
        self._report.attempts += 1
        options = replace(connection_as(self._settings, account, secret), client_id=client_id)
        with contextlib.suppress(BrokerError):
            async with RawClient(options, version):
                self._found(way, client_id, version)

    async def _judge(
        self, witness: RawClient, tried: dict[bytes, tuple[Way, str]], version: Version
    ) -> None:
        """Everything tried that reached the witness is an opening."""
        self._report.attempts += len(tried)
        control = _payload(self._barrier)
        await witness.publish(self._barrier, control)
        if not await witness.wait_for(control):
            raise _blind("the hub does not see what it publishes itself")
        for way, topic in {
            tried[message.payload] for message in witness.received if message.payload in tried
        }:
            self._found(way, topic, version)

    async def _clear(self, witness: RawClient) -> None:
        """Take away what an opening left retained."""
        for opening in self._report.openings:
            if opening.way in (Way.RETAIN, Way.WILL):
                await witness.publish(opening.topic, b"", retain=True)

    def _bait(self) -> list[str]:
        kinds = [kind for kind in MessageKind if kind is not MessageKind.BROADCAST]
        agents = [*self._victims]
        if self._agent in reserved.PROBES:
            agents.append(self._agent)
        allowed = {self._barrier, self._topics.of(MessageKind.RECEIPT, self._agent)}
        foreign = {self._topics.of(kind, agent) for agent in agents for kind in kinds}
        return sorted(foreign - allowed)

    def _visit(self, version: Version, will: Will | None = None) -> RawClient:
        credential = self._credential
        return RawClient(
            connection_as(self._settings, credential.account, credential.secret, self._agent, will),
            version,
        )

    def _hub(self) -> RawClient:
        hub = names.hub_account(self._topics)
        return RawClient(connection_as(self._settings, hub, self._settings.password()), Version.V5)

    def _found(self, way: Way, topic: str, version: Version) -> None:
        self._report.openings.append(Opening(self._agent, way, topic, version.value))


@asynccontextmanager
async def _probe_agents(
    settings: Settings, dynsec: Dynsec
) -> AsyncIterator[tuple[Credential, Credential]]:
    """Two agents as `fleet agent add` makes them, gone afterwards whatever happens."""
    enroller = Enroller(settings, dynsec, time.time)
    prober, victim = (Credential(name, name, new_secret()) for name in reserved.PROBES)
    try:
        for credential in (prober, victim):
            with contextlib.suppress(Refused):  # left by a proof that was killed
                await enroller.delete(credential)
            await enroller.create(credential)
        yield prober, victim
    finally:
        for credential in (prober, victim):
            with contextlib.suppress(Refused):
                await enroller.delete(credential)


def _payload(topic: str) -> bytes:
    """On `$CONTROL` an account without any right; elsewhere what tells of the proof."""
    if topic == CONTROL:
        return json.dumps(
            {"commands": [{"command": "createClient", "username": INTRUDER}]}
        ).encode()
    return reserved.payload(time.time())


def _blind(why: str) -> FleetError:
    remedy = "fleet broker secure makes the hub's account as it should be; then try again"
    return FleetError("the ACL cannot be judged", why, remedy)
