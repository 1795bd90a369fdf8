"""The command queue: which of the messages that come in are carried out, and in which order.

Everything that is refused is counted, and answered where the contract has an answer for it.
Time is an argument: `wall` is s since the epoch, `now` is monotonic s.

Where commands are signed, what is on disk is not asked whether one is new: it may be lost, or an
older copy. A command runs if it is signed for this very session, whose number nobody had before,
or is dated after it began by more than two clocks differ. Any other is refused as `other-session`,
and its sender signs it anew for the session that the refusal names (ADR-0018).
"""

from __future__ import annotations

import heapq
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Final

from agent_sidecar.commands.trusted_keys import TrustedKeys
from agent_sidecar.state.seen_ids import SeenIds
from agent_sidecar.state.session import Session
from agent_sidecar.token_bucket import TokenBucket
from fleet.contract import signing
from fleet.contract.limits import DEFAULT_TTL, MAX_AHEAD, MAX_TTL, NOTICE_AGE
from fleet.contract.rejection import Rejected
from fleet.contract.schema_validator import SchemaValidator
from fleet.contract.timestamps import epoch
from fleet.contract.vocabulary import MessageKind, Notice, Priority, Reason, ReplyCode, Result, Verb

MAX_WAITING: Final = 32
"""Commands that may wait; more are answered `busy`."""

RATE, BURST = 2.0, 20.0
"""Commands a second, and at once: far above any honest hub."""

AGAIN: Final = 3.0
"""Seconds that a one-shot waits for a command which it refused as another session's: the hub signs
it again as soon as it has read that."""

_ORDER: Final = {Priority.URGENT: 0, Priority.HIGH: 1, Priority.NORMAL: 2}


@dataclass(frozen=True, slots=True)
class InboundMessage:
    """A message as it came in."""

    kind: MessageKind
    topic: str
    payload: bytes
    retain: bool = False


@dataclass(frozen=True, slots=True)
class CommandReply:
    """What becomes the `reply` of a status message."""

    verb: str
    result: Result
    code: ReplyCode
    to: str | None = None
    took: float | None = None

    def message(self) -> dict[str, Any]:
        fields = {"to": self.to, "verb": self.verb, "result": self.result.value,
                  "code": self.code.value, "took": self.took}  # fmt: skip
        return {name: value for name, value in fields.items() if value is not None}


@dataclass(order=True, frozen=True, slots=True)
class QueuedCommand:
    """One command to carry out; sorts by priority, then by arrival."""

    rank: int
    number: int
    verb: Verb = field(compare=False)
    id: str | None = field(compare=False, default=None)
    until: float = field(compare=False, default=0.0)
    arrived: float = field(compare=False, default=0.0)

    def reply(self, result: Result, code: ReplyCode, now: float) -> CommandReply:
        return CommandReply(self.verb.value, result, code, self.id, round(now - self.arrived, 6))


class CommandQueue:
    """Receives commands and notices; gives commands out, urgent first.

    Args:
        started: when this process took up the session (monotonic s).

    Attributes:
        dropped: what was dropped without an answer, by reason.
    """

    def __init__(
        self,
        validators: Mapping[MessageKind, SchemaValidator],
        keys: TrustedKeys,
        seen: SeenIds,
        session: Session,
        started: float,
    ) -> None:
        self._validators = validators
        self._keys = keys
        self._seen = seen
        self._session = session
        self._started = started
        self._asked: dict[str, float] = {}
        self._waiting: list[QueuedCommand] = []
        self._numbers = 0
        self._running: set[str] = set()
        self._commands = TokenBucket(RATE, BURST)
        self._replies = TokenBucket(RATE, BURST)
        self.dropped: Counter[str] = Counter()

    def __len__(self) -> int:
        return len(self._waiting)

    def receive(
        self, inbound: InboundMessage, wall: float, now: float
    ) -> CommandReply | Notice | None:
        """Judge one message: a reply to send at once, a notice, or None (queued or dropped)."""
        topic = inbound.topic
        if inbound.retain:
            self.dropped[Reason.RETAINED_COMMAND.value] += 1
            return None
        try:
            message = self._validators[inbound.kind].read(inbound.payload)
        except Rejected as rejected:
            self.dropped[rejected.reason.value] += 1
            return None
        if "notice" in message:
            return self._notice(topic, message, wall)
        reply = self._command(topic, message, wall, now)
        if reply is not None and not self._replies.consume(now):
            self.dropped["unanswered"] += 1
            return None
        return reply

    def trusts(self, topic: str, message: Mapping[str, Any]) -> bool:
        """Whether `message` is the hub's: without its keys here, whatever the broker lets in."""
        return not self._keys or self._distrust(topic, message) is None

    def awaits(self, now: float) -> bool:
        """Whether a command that was refused as another session's may come again at any moment."""
        self._asked = {id_: until for id_, until in self._asked.items() if until > now}
        return bool(self._asked)

    def start_next(self) -> QueuedCommand | None:
        """The most urgent command that may run now: one of a verb at a time."""
        for command in sorted(self._waiting):
            if command.verb not in self._running:
                self._waiting.remove(command)
                heapq.heapify(self._waiting)
                self._running.add(command.verb)
                if command.verb is Verb.CONFIG_RELOAD:
                    # The one verb that changes something: its id is on disk before it runs, so
                    # that it runs once even if we die meanwhile. A full disk must not stop it.
                    self._settle(command)
                    self._seen.save()
                return command
        return None

    def finished(self, command: QueuedCommand) -> None:
        self._running.discard(command.verb)
        self._settle(command)

    def _settle(self, command: QueuedCommand) -> None:
        if command.id is not None:
            self._seen.settled(command.id)

    def _notice(self, topic: str, message: Mapping[str, Any], wall: float) -> Notice | None:
        if self._keys:
            if self._distrust(topic, message) is not None:
                self.dropped["untrusted-notice"] += 1
                return None
            id_ = str(message["id"])
            if abs(wall - epoch(message["ts"])) > NOTICE_AGE or id_ in self._seen:
                self.dropped["repeated"] += 1
                return None
            self._seen.add(id_, wall + 2 * NOTICE_AGE, wall)
        return Notice(message["notice"])

    def _command(
        self, topic: str, message: Mapping[str, Any], wall: float, now: float
    ) -> CommandReply | None:
        verb, id_ = Verb(message["verb"]), message.get("id")
        if id_ is not None and id_ in self._seen:
            self.dropped["repeated"] += 1
            return None
        distrust = self._distrust(topic, message) if self._keys else None
        if distrust is not None:
            return CommandReply(verb.value, Result.REJECTED, distrust, id_)
        if "ts" in message and epoch(message["ts"]) > wall + MAX_AHEAD:
            return CommandReply(verb.value, Result.REJECTED, ReplyCode.DATED_AHEAD, id_)
        until = _until(message, wall)
        expired = "ts" in message and wall > until
        if self._keys and not expired and not self._is_for_now(message, wall, now):
            return CommandReply(verb.value, Result.REJECTED, ReplyCode.OTHER_SESSION, id_)
        # Old commands that somebody plays again must not use up what the hub's own may take.
        if not expired and not self._commands.consume(now):
            return CommandReply(verb.value, Result.REJECTED, ReplyCode.RATE_EXCEEDED, id_)
        if self._keys and self._seen.full(wall):  # to forget one would be to run it again
            return CommandReply(verb.value, Result.BUSY, ReplyCode.RATE_EXCEEDED, id_)
        if id_ is not None:
            self._seen.add(id_, until, wall)
        if expired:
            return CommandReply(verb.value, Result.EXPIRED, ReplyCode.TTL_EXPIRED, id_)
        if len(self._waiting) >= MAX_WAITING:
            return CommandReply(verb.value, Result.BUSY, ReplyCode.RATE_EXCEEDED, id_)
        if id_ is not None:
            self._seen.awaited(id_)
        self._numbers += 1
        rank = _ORDER[Priority(message.get("priority", Priority.NORMAL))]
        heapq.heappush(self._waiting, QueuedCommand(rank, self._numbers, verb, id_, until, now))
        return None

    def _is_for_now(self, message: Mapping[str, Any], wall: float, now: float) -> bool:
        """Whether a signed command cannot have been carried out before this process began."""
        id_ = str(message["id"])
        if self._session.fresh and message.get("boot") == self._session.boot:
            self._asked.pop(id_, None)
            return True
        began = wall - (now - self._started)  # by the clock as it is now: it may have been set
        if "boot" not in message and epoch(message["ts"]) > began + MAX_AHEAD:
            return True
        if not self._session.fresh:
            self._session.renew(wall)
        if len(self._asked) < MAX_WAITING:
            self._asked[id_] = now + AGAIN
        return False

    def _distrust(self, topic: str, message: Mapping[str, Any]) -> ReplyCode | None:
        """Why `message` on `topic` is not the hub's, or None if it is."""
        if "sig" not in message or "kid" not in message:
            return ReplyCode.UNSIGNED
        key = self._keys.get(message["kid"])
        if key is None:
            return ReplyCode.UNKNOWN_KEY
        return None if signing.verify(key, topic, message) else ReplyCode.BAD_SIGNATURE


def _until(message: Mapping[str, Any], wall: float) -> float:
    """When the command expires; one that does not say when it was sent expires from now."""
    ttl = float(message.get("ttl", DEFAULT_TTL))
    if "ts" in message:
        return epoch(message["ts"]) + ttl
    return wall + (ttl if "ttl" in message else MAX_TTL)
