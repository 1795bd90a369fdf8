"""Commands that a sidecar refused as forged, or as played again: which of them are news.

A sidecar that is killed before it wrote an answer down is brought the command again, and refuses it
as another session's: nobody forged anything. That happens once for each command; who plays one
again and again is told of.
"""

from __future__ import annotations

import logging
from collections.abc import Iterable, Iterator
from functools import partial
from typing import Final, NamedTuple

from fleet.commander.answers import PAGE, answer_of
from fleet.contract.vocabulary import MessageKind, ReplyCode, Verb
from fleet.domain.commands import CommandState, IssuedCommand
from fleet.domain.events import Event, Fact
from fleet.hub.store_patience import StorePatience
from fleet.store.port import Store
from fleet.store.records import StoredMessage

DISTRUST: Final = frozenset({
    ReplyCode.UNSIGNED, ReplyCode.BAD_SIGNATURE, ReplyCode.UNKNOWN_KEY, ReplyCode.DATED_AHEAD,
    ReplyCode.OTHER_SESSION,
})  # fmt: skip
"""Codes by which a sidecar says that a command is forged, or played again."""

GIVEN_UP: Final = frozenset({CommandState.SILENT, CommandState.EXPIRED})

MOST: Final = 10_000
"""Repetitions remembered, the newest: each takes a sidecar that died at its answer."""

LOOKED_AT: Final = 100_000
"""Commands of one agent, and messages of one moment, that are looked through at most."""

_log = logging.getLogger(__name__)


class Refusal(NamedTuple):
    """A stored answer; one with a code of `DISTRUST`, but where it is said otherwise.

    Attributes:
        wire: the id of what was refused, if it had one.
        boot: the session that refused it.
    """

    item: StoredMessage
    code: ReplyCode | None
    wire: str | None
    boot: int | None


class Refusals:
    """Tells repetitions from what somebody else sent.

    What was passed over is not written down: a repetition is itself a stored answer, and is found
    again by whoever leads next. Memory, bounded by `MOST`, only saves looking for it.

    Args:
        retention: seconds that a command which has ended stays in the store.
    """

    def __init__(self, store: Store, patience: StorePatience, retention: float) -> None:
        self._store = store
        self._patience = patience
        self._retention = retention
        self._repeated: dict[tuple[str, str | None], None] = {}

    async def news(self, refusals: Iterable[Refusal]) -> list[Event]:
        """What to tell of `refusals`, of which none is of a command that the hub awaits."""
        told: list[Event] = []
        for refusal in refusals:
            item, code = refusal.item, str(refusal.code)
            if not await self._is_explained(refusal):
                id_ = refusal.wire or ""
                told.append(Event(Fact.COMMAND_REFUSED, item.agent, item.at, code, id=id_))
                _log.warning("%s refused a command that is not the hub's: %s", item.agent, code)
        return told

    async def _is_explained(self, refusal: Refusal) -> bool:
        """Whether it is of a command of ours that was given up, and may have waited at the broker
        for a session that came too late; or repeats an answer, for the first time."""
        command = await self._command_of(refusal)
        if command is None:
            return False
        if command.state in GIVEN_UP:
            return True
        key = (refusal.item.agent, refusal.wire)
        if key in self._repeated or command.ended is None:
            return False
        answer = await self._answer_to(command, command.ended)
        if not _repeats(refusal, command, answer):
            return False
        second = await self._is_second(refusal, command, answer)
        self._repeated[key] = None
        if len(self._repeated) > MOST:
            del self._repeated[next(iter(self._repeated))]
        return not second

    async def _command_of(self, refusal: Refusal) -> IssuedCommand | None:
        item = refusal.item
        since = item.at - self._retention
        sent = await self._patience.until_taken(
            partial(self._store.commands, agent=item.agent, since=since, limit=LOOKED_AT)
        )
        return next((one for one in sent if one.wire == refusal.wire), None)

    async def _answer_to(self, command: IssuedCommand, ended: float) -> Refusal | None:
        """The message that ended `command`; None if none did: it was ended by HTTP."""
        at, status = ended, MessageKind.STATUS
        newest = partial(self._store.newest, agent=command.agent, kind=status, limit=LOOKED_AT)
        of_then = await self._patience.until_taken(partial(newest, since=at, until=at))
        answers = _answers(of_then, command.wire)
        return next((one for one in answers if one.code is command.code), None)

    async def _is_second(
        self, refusal: Refusal, command: IssuedCommand, answer: Refusal | None
    ) -> bool:
        """Whether `command` was refused like this before, since it had its answer."""
        after = answer.item.id if answer else -1
        before, since = refusal.item.id, command.ended
        newest = partial(self._store.newest, agent=command.agent, kind=MessageKind.STATUS)
        for _ in range(LOOKED_AT // PAGE):
            page = await self._patience.until_taken(
                partial(newest, since=since, before=before, limit=PAGE)
            )
            for one in _answers(page, command.wire):
                if one.item.id > after and _repeats(one, command, answer):
                    return True
            if len(page) < PAGE:
                break
            before = page[0].id
        return False


def _answers(items: Iterable[StoredMessage], wire: str) -> Iterator[Refusal]:
    """Those of `items` that answer `wire`, with whatever code."""
    named = wire.encode()
    for item in items:
        if named in item.payload and b'"reply"' in item.payload:
            reply, boot = answer_of(item)
            if reply is not None and reply.to == wire:
                yield Refusal(item, reply.code, wire, boot)


def _repeats(refusal: Refusal, command: IssuedCommand, answer: Refusal | None) -> bool:
    """Whether `refusal` comes of `command` being brought again, which had `answer` before."""
    same = refusal.code is command.code  # what is refused is not written down at all
    lost = refusal.code is ReplyCode.OTHER_SESSION and not _is_known_on_disk(command)
    if refusal.boot is None or refusal.code not in DISTRUST or not (same or lost):
        return False
    if answer is None:
        return lost
    if answer.boot is None:
        return False
    return refusal.boot > answer.boot or (same and refusal.boot == answer.boot)


def _is_known_on_disk(command: IssuedCommand) -> bool:
    """Whether the sidecar wrote the id down before it ran `command`: only `config-reload` changes
    anything, and is not refused so unless the state is lost. One that it had no room for did not
    run, nor did one that only HTTP ended."""
    ran = command.code not in (None, ReplyCode.RATE_EXCEEDED)
    return command.verb is Verb.CONFIG_RELOAD and ran and command.state is not CommandState.REJECTED
