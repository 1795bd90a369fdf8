"""What was heard of the agent, in order: read by the contract once, kept without its text."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from typing import Any

from fleet.bus.port import Inbound
from fleet.contract.fields import Message
from fleet.contract.messages import Status
from fleet.contract.reader import Reader
from fleet.contract.rejection import Rejected
from fleet.contract.topics import Topics
from fleet.contract.vocabulary import MessageKind, State


@dataclass(frozen=True, slots=True)
class Heard:
    """One message of the agent.

    Attributes:
        at: when it came here, seconds since the epoch.
        kind: None for a topic that the contract does not have.
        message: None where it was rejected; then `fault` says why, in the contract's words.
        replayed: it is retained state of before, not something said now.
        properties: names of MQTT 5 properties that the contract has no place for.
        digest: of the payload, to tell a repetition from another message.
    """

    at: float
    kind: MessageKind | None
    message: Message | None
    fault: str
    replayed: bool
    qos: int
    properties: tuple[str, ...]
    digest: bytes

    @property
    def number(self) -> tuple[int, int] | None:
        """(boot, seq), where it has both."""
        boot, seq = getattr(self.message, "boot", None), getattr(self.message, "seq", None)
        return None if boot is None or seq is None else (boot, seq)

    @property
    def boot(self) -> int | None:
        boot: int | None = getattr(self.message, "boot", None)
        return boot

    @property
    def status(self) -> Status | None:
        return self.message if isinstance(self.message, Status) else None

    @property
    def reply(self) -> Any:
        """The answer to a command that it holds; None where it holds none."""
        return self.message.reply if isinstance(self.message, Status) else None

    @property
    def is_offline(self) -> bool:
        return isinstance(self.message, Status) and self.message.state is State.OFFLINE


def read(inbound: Inbound, topics: Topics, reader: Reader, at: float) -> Heard:
    """`inbound` as the contract reads it."""
    message, kind, fault = None, None, ""
    try:
        kind = topics.parse(inbound.topic).kind
        message = reader.read(kind, inbound.payload)
    except Rejected as rejected:
        fault = str(rejected.reason) + (f" at {rejected.field}" if rejected.field else "")
    names = tuple(name for name, _ in inbound.properties)
    digest = hashlib.sha256(inbound.payload).digest()
    return Heard(at, kind, message, fault, inbound.retain, inbound.qos, names, digest)
