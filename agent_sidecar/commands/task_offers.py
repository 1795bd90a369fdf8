"""Task offers: which of those that come in are worth asking the hub about.

An offer orders nothing and says nothing of the work: who takes it up claims the task at the hub,
which alone knows what holds. So what is remembered here only saves questions, and nothing of it
needs to be on disk. Time is an argument: `wall` is s since the epoch, `now` is monotonic s.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping
from typing import Any, Final, NamedTuple

from agent_sidecar.token_bucket import TokenBucket
from fleet.contract.limits import MAX_AHEAD
from fleet.contract.rejection import Rejected
from fleet.contract.schema_validator import SchemaValidator
from fleet.contract.timestamps import epoch
from fleet.contract.vocabulary import Reason

RATE, BURST = 10.0, 100.0
"""Offers a second, and at once: far more than one machine can take up."""

MAX_KNOWN: Final = 4_096
"""Tasks remembered; the oldest go. A forgotten one that is played again costs one question."""


class Offer(NamedTuple):
    """There is work: the task's id, how often it was claimed before, and until when (s since the
    epoch) this is worth a question."""

    task: str
    epoch: int
    until: float


OnOffer = Callable[[Offer, float], None]
"""Takes an offer, and now (monotonic s). Called from the sidecar's loop: it must not wait."""


class TaskOffers:
    """Judges offers; each is handed on once.

    Args:
        trusts: whether a message on a topic is the hub's.
        dropped: where drops are counted, by reason.
    """

    def __init__(
        self,
        validator: SchemaValidator,
        trusts: Callable[[str, Mapping[str, Any]], bool],
        dropped: Counter[str],
        offered: OnOffer,
    ) -> None:
        self._validator = validator
        self._trusts = trusts
        self._dropped = dropped
        self._offered = offered
        self._known: dict[str, tuple[int, float]] = {}
        self._bucket = TokenBucket(RATE, BURST)

    def receive(self, topic: str, payload: bytes, retain: bool, wall: float, now: float) -> None:
        """Judge one message; a good one is handed on, any other counted."""
        offer = self._judge(topic, payload, retain, wall, now)
        if isinstance(offer, str):
            self._dropped[offer] += 1
        else:
            self._offered(offer, now)

    def _judge(
        self, topic: str, payload: bytes, retain: bool, wall: float, now: float
    ) -> Offer | str:
        """The offer, or why it is dropped."""
        if retain:
            return Reason.RETAINED_COMMAND.value
        try:
            message = self._validator.read(payload)
        except Rejected as rejected:
            return rejected.reason.value
        if not self._trusts(topic, message):
            return "untrusted-task"
        said_at, task, number = epoch(message["ts"]), message["id"], message["epoch"]
        if said_at > wall + MAX_AHEAD:
            return "task-dated-ahead"
        if wall > said_at + message["ttl"]:
            return "expired-task"
        if (number, said_at) <= self._known.get(task, (-1, 0.0)):
            return "repeated-task"
        if not self._bucket.consume(now):
            return "too-many-tasks"
        self._remember(task, (number, said_at))
        return Offer(task, number, said_at + message["ttl"])

    def _remember(self, task: str, known: tuple[int, float]) -> None:
        self._known.pop(task, None)  # so that the oldest is the one not heard of for longest
        self._known[task] = known
        if len(self._known) > MAX_KNOWN:
            del self._known[next(iter(self._known))]
