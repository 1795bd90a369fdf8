"""The life of a command, from the operator's wish to its end; every change is in one table."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any, Final

from msgspec import Struct
from msgspec.structs import replace

from fleet.contract.timestamps import timestamp
from fleet.contract.vocabulary import Priority, ReplyCode, Result, Verb, Word
from fleet.domain.hub_clock import Step as ClockStep

GRACE: Final = 5.0
"""Seconds beyond its time to live that a sent command's reply may still arrive."""


class CommandState(Word):
    """Where a command is in its life."""

    QUEUED = "queued", "the agent is away; it is sent when the agent returns"
    SENT = "sent", "the broker has it"
    ACKNOWLEDGED = "acknowledged", "the agent has read it"
    DONE = "done", "carried out"
    FAILED = "failed", "tried, and it did not work, or the agent was busy"
    REJECTED = "rejected", "the agent refused it"
    EXPIRED = "expired", "its time to live was over before it could be carried out"
    UNSUPPORTED = "unsupported", "the agent has no such action configured"
    SILENT = "silent", "sent in time, and no reply came"


class Step(Word):
    """What can happen to a command, besides a reply."""

    SEND = "send", "handed to the broker"
    READ = "read", "the agent fetched it from its inbox"
    END_OF_TIME = "end-of-time", "its time to live (and grace) is over"


OPEN: Final = frozenset({CommandState.QUEUED, CommandState.SENT, CommandState.ACKNOWLEDGED})

STEPS: Final[dict[tuple[CommandState, Step], CommandState]] = {
    (CommandState.QUEUED, Step.SEND): CommandState.SENT,
    (CommandState.QUEUED, Step.READ): CommandState.ACKNOWLEDGED,
    (CommandState.QUEUED, Step.END_OF_TIME): CommandState.EXPIRED,
    (CommandState.SENT, Step.SEND): CommandState.SENT,
    (CommandState.SENT, Step.READ): CommandState.ACKNOWLEDGED,
    (CommandState.SENT, Step.END_OF_TIME): CommandState.SILENT,
    (CommandState.ACKNOWLEDGED, Step.READ): CommandState.ACKNOWLEDGED,
    (CommandState.ACKNOWLEDGED, Step.END_OF_TIME): CommandState.SILENT,
}
"""What is not in the table changes nothing: ends are ends, and repetitions are harmless."""

ENDS: Final = {
    Result.DONE: CommandState.DONE,
    Result.FAILED: CommandState.FAILED,
    Result.REJECTED: CommandState.REJECTED,
    Result.EXPIRED: CommandState.EXPIRED,
    Result.UNSUPPORTED: CommandState.UNSUPPORTED,
    Result.BUSY: CommandState.FAILED,
}


class IssuedCommand(Struct, frozen=True, gc=False):
    """One command for one agent; a broadcast makes one for each, and changes it twice.

    Times are seconds since the epoch, None where not yet known.

    Attributes:
        by: who sent it (token id and role, or `cli`); for the record, never on the bus.
        reply_to: id of what it answers, for HTTP clients.
        took: seconds the agent says it took.
        broadcast: id of the one message that carried it to all; None where it went alone.
    """

    id: str
    agent: str
    verb: Verb
    priority: Priority
    ttl: int
    created: float
    by: str = ""
    reply_to: str | None = None
    state: CommandState = CommandState.QUEUED
    sent: float | None = None
    ended: float | None = None
    code: ReplyCode | None = None
    took: float | None = None
    broadcast: str | None = None

    @property
    def wire(self) -> str:
        """The id it has on the bus, and that its reply names."""
        return self.broadcast or self.id

    @property
    def open(self) -> bool:
        return self.state in OPEN

    @property
    def deadline(self) -> float:
        """When an unsent one expires; a sent one has a little longer for its reply."""
        return self.created + self.ttl + (0 if self.state is CommandState.QUEUED else GRACE)

    def step(self, step: Step, now: float) -> IssuedCommand:
        """The command after `step`; itself where the table has none."""
        state = STEPS.get((self.state, step))
        if state is None or (state is self.state and step is not Step.SEND):
            return self
        if step is Step.SEND:
            return replace(self, state=state, sent=now)
        return replace(self, state=state, ended=None if state in OPEN else now)

    def replied(
        self, result: Result, code: ReplyCode | None, took: float | None, now: float
    ) -> IssuedCommand:
        """The command after the agent's reply; a late reply corrects `silent`, no other end."""
        if not self.open and self.state is not CommandState.SILENT:
            return self
        return replace(self, state=ENDS[result], code=code, took=took, ended=now)

    def restamped(self, step: ClockStep) -> IssuedCommand:
        """The command as the hub's time is after `step`."""
        sent = None if self.sent is None else step.moved(self.sent)
        return replace(self, created=step.moved(self.created), sent=sent)

    def as_dict(self) -> dict[str, Any]:
        """JSON form, with all that is known of its life; what is not there is null."""
        return {
            "id": self.id,
            "agent": self.agent,
            "verb": self.verb.value,
            "priority": self.priority.value,
            "ttl": self.ttl,
            "state": self.state.value,
            "created": timestamp(self.created),
            "sent": _stamp(self.sent),
            "ended": _stamp(self.ended),
            "code": self.code.value if self.code else None,
            "took": self.took,
            "reply_to": self.reply_to,
            "by": self.by,
            "broadcast": self.broadcast,
        }


def in_order(commands: Iterable[IssuedCommand]) -> list[IssuedCommand]:
    """Urgent before high before normal, older first."""
    return sorted(
        commands, key=lambda command: (-command.priority.rank, command.created, command.id)
    )


class CommandBook:
    """The open commands of the fleet, by id and by agent: whom to send what, and what is over.

    Memory is bounded by the number of open commands, and each ends with its time to live.
    """

    def __init__(self, commands: Iterable[IssuedCommand] = ()) -> None:
        self._commands: dict[str, IssuedCommand] = {}
        self._by_agent: dict[str, dict[str, IssuedCommand]] = {}
        self._soonest = float("inf")  # no command is over before
        for command in commands:
            self.save(command)

    def __len__(self) -> int:
        return len(self._commands)

    def __iter__(self) -> Iterator[IssuedCommand]:
        return iter(self._commands.values())

    def get(self, command_id: str) -> IssuedCommand | None:
        return self._commands.get(command_id)

    def save(self, command: IssuedCommand) -> None:
        """Keep the newest version of a command; one that has ended is forgotten."""
        own = self._by_agent.setdefault(command.agent, {})
        if command.open:
            self._commands[command.id] = own[command.id] = command
            self._soonest = min(self._soonest, command.deadline)
            return
        self._commands.pop(command.id, None)
        own.pop(command.id, None)
        if not own:
            del self._by_agent[command.agent]

    def asked(self, agent: str, wire: str | None) -> IssuedCommand | None:
        """The command that a reply of `agent` to the message `wire` is about. The id alone proves
        nothing: only the agent that was asked may answer."""
        for own in self._by_agent.get(agent, {}).values():
            if own.wire == wire:
                return own
        return None

    def waiting(self, agent: str, now: float) -> list[IssuedCommand]:
        """What to send to `agent` now that it is here, in order; expired ones are not."""
        queued = CommandState.QUEUED
        own = self.of_agent(agent)
        return in_order(
            command for command in own if command.state is queued and command.deadline > now
        )

    def inbox(self, agent: str | None) -> list[IssuedCommand]:
        """Open commands for `agent` (None: for all), in order."""
        return in_order(self._commands.values() if agent is None else self.of_agent(agent))

    def over(self, now: float) -> list[IssuedCommand]:
        """Open commands whose time is over, already changed to their end; not yet put back."""
        if now < self._soonest:
            return []
        late = [command for command in self._commands.values() if command.deadline <= now]
        still = (command.deadline for command in self._commands.values() if command.deadline > now)
        self._soonest = min(still, default=float("inf")) if not late else now
        return [command.step(Step.END_OF_TIME, now) for command in late]

    def restamp(self, step: ClockStep) -> None:
        """The hub's stamps moved: each open command lives as long as it was meant to."""
        self._soonest = float("inf")
        for command in list(self._commands.values()):
            self.save(command.restamped(step))

    def of_agent(self, agent: str) -> list[IssuedCommand]:
        """Every open command of `agent`, for instance to cancel them when it is revoked."""
        return list(self._by_agent.get(agent, {}).values())


def _stamp(at: float | None) -> str | None:
    return None if at is None else timestamp(at)
