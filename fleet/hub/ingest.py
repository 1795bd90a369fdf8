"""From the bus into the store: judge, observe, commit, and only then acknowledge.

Two batches are in hand at a time: one is judged while the other is committed. While the disk
is full or slow nothing is acknowledged, the broker keeps the rest, and memory stays bounded.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Callable, Iterable
from typing import Final, cast

from fleet.bus.port import Bus, Inbound
from fleet.contract.answer_fast_path import decode_answer
from fleet.contract.fields import Message
from fleet.contract.heartbeat_fast_path import decode_heartbeat
from fleet.contract.messages import Alert, Announcement, Heartbeat, Status
from fleet.contract.publish_properties import require_none
from fleet.contract.reader import Reader
from fleet.contract.rejection import Rejected
from fleet.contract.reserved import PROBES, asked_number
from fleet.contract.topics import FROM_AGENT, RECORDED, STATES, Address, Topics
from fleet.contract.vocabulary import MessageKind, Notice, Reason
from fleet.contract.work_messages import Progress, TaskOffer
from fleet.domain.apply import FromAgent
from fleet.domain.events import Fact
from fleet.domain.silences import maintenance
from fleet.domain.work.progress_report import ProgressReport
from fleet.hub import clock_witnesses
from fleet.hub.broker_statistics import BROKER, BrokerStatistics
from fleet.hub.committer import Committer
from fleet.hub.daily_budget import DailyBudget
from fleet.hub.daily_limits import DailyLimits, without_numbers
from fleet.hub.judged_batch import JudgedBatch, Keeping
from fleet.hub.receipts import Receipts
from fleet.hub.redelivered import Redelivered
from fleet.hub.trusted_notices import Keys, TrustedNotices
from fleet.store.records import StoredMessage

EVERYTHING: Final = "#"
"""All topics but `$SYS` and its like (MQTT 5, 4.7.2)."""

NOT_STORED: Final = frozenset({Fact.DUPLICATE, Fact.CROWDED, Fact.TURN})
"""Facts that say a message is not to be stored."""

MAX_BATCHES: Final = 2
"""Batches: more would only wait."""

COMMIT_STEPS: Final = 2
"""Turns of the event loop until a commit has reached the writer's thread. Judging blocks the
loop: without them two batches would be judged first, and then two committed."""

BACKLOG: Final = 100
"""Messages in a batch from which on there is a backlog to be worked off."""

MAX_ADDRESSES: Final = 300_000
"""Parsed topics kept: three for each of 100,000 agents."""


class Ingest:
    """A service: `run` ends only when the bus is closed or the task is cancelled."""

    name = "ingest"

    def __init__(
        self,
        bus: Bus,
        topics: Topics,
        reader: Reader,
        committer: Committer,
        receipts: Receipts,
        budget: DailyBudget | None = None,
        keys: Keys | None = None,
        limits: DailyLimits | None = None,
    ) -> None:
        self._bus = bus
        self._topics = topics
        self._reader = reader
        self._committer = committer
        self._receipts = receipts
        self.keeping = Keeping(committer, budget or DailyBudget())
        self._limits = limits or DailyLimits()
        self._notices = TrustedNotices(keys)
        self._counters = committer.counters
        self._addresses: dict[str, Address] = {}
        self.tap: Callable[[float, list[Inbound]], None] | None = None
        """Given each batch before it is acknowledged: for the audit's capture."""
        self.asked: Callable[[int], None] = lambda _number: None
        """Told when a hub that comes asks whether another is at work."""
        self.statistics = BrokerStatistics(self._counters)
        self.redelivered = Redelivered()
        self._large = False
        self._batches = 0

    def remember(self, stored: Iterable[StoredMessage]) -> None:
        """Know the messages that the last hub stored last: it may not have acknowledged them."""
        for one in stored:
            message = self._reader.read(one.kind, one.payload)
            if isinstance(message, Announcement):
                self._notices.remember(message, one.at)
            if not isinstance(message, FromAgent) or message.seq is None:
                self.redelivered.committed(self._topics.of(one.kind, one.agent), one.payload)

    def filters(self) -> list[str]:
        """What to subscribe to: everything, so that a topic outside the contract is seen too."""
        return [EVERYTHING]

    @property
    def idle(self) -> bool:
        """Whether no backlog is being worked off: the last batch was small, or is done with."""
        return not (self._large and self._batches)

    async def run(self) -> None:
        room = asyncio.Semaphore(MAX_BATCHES)

        def release(_task: asyncio.Task[None]) -> None:
            self._batches -= 1
            room.release()

        async with asyncio.TaskGroup() as group:
            async for batch in self._bus.batches():
                await room.acquire()
                self._large = len(batch) >= BACKLOG
                done = self._finish(batch, *self._judge_batch(batch))
                self._batches += 1
                group.create_task(done, name="commit").add_done_callback(release)
                for _ in range(COMMIT_STEPS):
                    await asyncio.sleep(0)

    def _judge_batch(self, batch: list[Inbound]) -> tuple[int, list[tuple[str, int, int | None]]]:
        """Judge and enter a batch: its ticket, and how far sessions are receipted by it."""
        judged = JudgedBatch()
        at = self._committer.now()
        if self._committer.time.listens:
            clock_witnesses.ask(batch, self._addresses, self._reader, self._committer)
        if self.tap is not None:
            self.tap(at, batch)
        self._judge_all(batch, at, judged)
        ticket = self._committer.enqueue(
            judged.messages, judged.dead_letters, judged.events, judged.progress
        )
        return ticket, [(*key, self._committer.roster.receipt(*key)) for key in judged.sessions]

    async def _finish(
        self, batch: list[Inbound], ticket: int, receipts: list[tuple[str, int, int | None]]
    ) -> None:
        await self._committer.commit(ticket)
        await self._bus.ack_many(batch)
        for agent, boot, seq in receipts:
            if seq is not None:
                self._receipts.note(agent, boot, seq)

    def _judge_all(self, batch: list[Inbound], at: float, judged: JudgedBatch) -> None:
        """Nine messages of ten are the next heartbeat of an agent that goes on as before."""
        known, messages, stores = self._addresses, judged.messages, self.keeping.budget.take
        roster, next_id = self._committer.roster, self._committer.next_id
        self._limits.listed = roster.has_list
        observe_unchanged, before = roster.observe_unchanged, roster.said_before
        heartbeat, left, renew = MessageKind.HEARTBEAT, self._limits.left, self._limits.renew
        status, take_answer = MessageKind.STATUS, self._take_answer
        for inbound in batch:
            topic, payload, _, retain, _, beside = inbound
            address = known.get(topic)
            if address is None or retain or beside:
                pass
            elif address.kind is status:
                if take_answer(address.agent, payload, at, judged):
                    continue
            elif address.kind is heartbeat:
                beat, agent = decode_heartbeat(payload), address.agent
                if (
                    beat is not None
                    and (lease := left.get(agent) or renew(agent, beat, payload, at, before))
                    and observe_unchanged(agent, beat, at)
                ):
                    left[agent] = lease - 1
                    self._counters.received[heartbeat] += 1
                    if stores(agent, len(payload), at):
                        stored = StoredMessage(next_id(), at, agent, heartbeat, False, payload)
                        messages.append(stored)
                    else:
                        self.keeping.leave_out(agent, at, judged)
                    continue
            self._judge(inbound, at, judged)

    def _take_answer(self, agent: str, payload: bytes, at: float, judged: JudgedBatch) -> bool:
        """Take in a status of which nothing follows but that a command is answered; False, and
        nothing is changed, if it may be more than that."""
        answer, roster = decode_answer(payload), self._committer.roster
        if answer is None or not roster.answers_as_before(agent, answer, at):
            return False
        with contextlib.suppress(Rejected):
            self._limits.check(agent, answer, at)
            self._counters.received[MessageKind.STATUS] += 1
            judged.events.append(roster.observe_answer(agent, answer, at))
            judged.sessions.add((agent, answer.boot))
            self.keeping.keep(agent, MessageKind.STATUS, payload, at, judged)
            return True
        return False

    def _judge(self, inbound: Inbound, at: float, judged: JudgedBatch) -> None:
        topic, payload = inbound.topic, inbound.payload
        known = address = self._addresses.get(topic)
        try:
            if address is None and topic.startswith(BROKER):
                self.statistics.read(topic, payload, retained=inbound.retain)
                return
            require_none(inbound.properties)
            if address is None:
                address = self._parse(topic)
            kind = address.kind
            if kind not in RECORDED:
                self._hear_question(address.agent, inbound)
                return
            self._counters.received[kind] += 1
            if not payload:
                judged.events += self._committer.roster.observe_cleared(address, at=at)
                return
            message = self._read(kind, payload, inbound.retain)
            if known is None:
                self._remember_address(topic, address)
            if kind not in FROM_AGENT and self._is_repeated(inbound, message, at):
                self._counters.repeated += 1
                return
            if isinstance(message, Announcement):
                self._apply_notice(message, at)
            inbound, message = self._count(inbound, message, address.agent, at, judged)
            payload = inbound.payload
        except Rejected as rejected:
            self.keeping.reject(inbound, rejected, at, judged)
            return
        if kind in FROM_AGENT:
            if not self._observe(inbound, address, cast("FromAgent", message), at, judged):
                return
            self.keeping.keep(address.agent, kind, payload, at, judged, inbound.retain)
            return
        self.redelivered.committed(topic, payload)
        stored = StoredMessage(
            self._committer.next_id(), at, address.agent, kind, inbound.retain, payload
        )
        judged.messages.append(stored)

    def _is_repeated(self, inbound: Inbound, message: Message, at: float) -> bool:
        topic = inbound.topic
        return self.redelivered.is_one(topic, inbound.payload) or (
            isinstance(message, Announcement) and not self._notices.is_new(topic, message, at)
        )

    def _hear_question(self, agent: str, inbound: Inbound) -> None:
        number = asked_number(agent, inbound.payload)
        if number is not None and not inbound.retain:
            self.asked(number)

    def _read(self, kind: MessageKind, payload: bytes, retained: bool) -> Message:
        """
        Raises:
            Rejected: it is against the contract, or retained and no state of an agent.
        """
        message = self._reader.read(kind, payload)
        if retained and kind not in STATES:
            raise Rejected(Reason.RETAINED_COMMAND)
        return message

    def _count(
        self, inbound: Inbound, message: Message, agent: str, at: float, judged: JudgedBatch
    ) -> tuple[Inbound, Message]:
        """Count it against the agent's day: what of it is to be applied and stored."""
        retained = inbound.retain
        if isinstance(message, Progress):
            self._limits.check_progress(agent, at, keep=agent in self._committer.roster)
        elif isinstance(message, Heartbeat | Status | Alert):
            roster = self._committer.roster
            before, known = roster.said_before(agent), agent in roster
            check = self._limits.check
            if not check(agent, message, at, before, retained=retained, keep=known):
                self.keeping.reject(inbound, Rejected(Reason.TOO_PRECISE), at, judged)
                message = without_numbers(message)
                return inbound._replace(payload=message.to_payload()), message
        elif isinstance(message, TaskOffer):
            self._limits.offered(agent, at)
        else:
            self._limits.asked(agent, at)
        return inbound, message

    def _parse(self, topic: str) -> Address:
        address = self._topics.parse(topic)
        if address.agent in PROBES:  # the ACL proof talks to itself: like receipts, not recorded
            return Address(address.agent, MessageKind.RECEIPT)
        return address

    def _remember_address(self, topic: str, address: Address) -> None:
        """Keep the address of `topic`: a fleet has few topics and many messages. Only a good
        message earns it, lest a flood of invented topics fill the memory."""
        if len(self._addresses) >= MAX_ADDRESSES:
            self._addresses.clear()
        self._addresses[topic] = address

    def _observe(
        self,
        inbound: Inbound,
        address: Address,
        message: FromAgent,
        at: float,
        judged: JudgedBatch,
    ) -> bool:
        """Feed the roster; whether the message is to be stored."""
        if message.seq is None:
            if self.redelivered.is_one(inbound.topic, inbound.payload):
                self._counters.repeated += 1
                return False
            self.redelivered.committed(inbound.topic, inbound.payload)
        events = self._committer.roster.observe(address, message, at=at, retained=inbound.retain)
        if events and self._committer.time.error is None:
            # While nobody knows what time it is, nothing is of the future.
            events = [event for event in events if event.fact is not Fact.RETAINED_FORGED]
        if events:
            judged.events += events
        if address.kind is not MessageKind.HEARTBEAT and message.boot is not None:
            judged.sessions.add((address.agent, message.boot))
        if any(event.fact in NOT_STORED for event in events):
            return False
        if isinstance(message, Progress):  # whatever the history has room for
            judged.progress.append(ProgressReport.of(address.agent, message, at))
        return True

    def _apply_notice(self, message: Announcement, at: float) -> None:
        silence = maintenance("notice", at)
        if message.notice is Notice.MAINTENANCE_BEGIN:
            self._committer.silence(silence)
        elif message.notice is Notice.MAINTENANCE_END:
            self._committer.lift(silence.id)
