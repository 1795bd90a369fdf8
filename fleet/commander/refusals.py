"""Commands that a sidecar refused as forged, or as played again: which of them are news.

A sidecar that is killed before it wrote an answer down is brought the command again, and refuses it
as another session's: nobody forged anything. That happens once for each command; who plays one
again and again is told of.
"""

from __future__ import annotations

import logging
from collections.abc import Iterable
from functools import partial
from typing import Final, NamedTuple

from fleet.commander.answers import answer_of
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
    """A stored answer with a code of `DISTRUST`.

    Attributes:
        wire: the id of what was refused, if it had one.
        boot: the session that refused it.
    """

    item: StoredMessage
    code: ReplyCode
    wire: str | None
    boot: int | None


class Refusals:
    """Tells repetitions from what somebody else sent; memory is bounded by `MOST`.

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
        if key in self._repeated or not await self._is_repetition(refusal, command):
            return False
        self._repeated[key] = None
        if len(self._repeated) > MOST:
            del self._repeated[next(iter(self._repeated))]
        return True

    async def _command_of(self, refusal: Refusal) -> IssuedCommand | None:
        item = refusal.item
        since = item.at - self._retention
        sent = await self._patience.until_taken(
            partial(self._store.commands, agent=item.agent, since=since, limit=LOOKED_AT)
        )
        return next((one for one in sent if one.wire == refusal.wire), None)

    async def _is_repetition(self, refusal: Refusal, command: IssuedCommand) -> bool:
        """Whether `command` was answered before, and this comes of its being brought again."""
        same = refusal.code is command.code  # what is refused is not written down at all
        lost = refusal.code is ReplyCode.OTHER_SESSION and not _is_known_on_disk(command)
        if refusal.boot is None or not (same or lost):
            return False
        answered = await self._answered_by(command)
        if answered is None:
            return False
        return refusal.boot > answered or (same and refusal.boot == answered)

    async def _answered_by(self, command: IssuedCommand) -> int | None:
        """The session whose answer ended `command`; None if none did."""
        if command.open or command.ended is None:
            return None
        at, status = command.ended, MessageKind.STATUS
        newest = partial(self._store.newest, agent=command.agent, kind=status, limit=LOOKED_AT)
        of_then = await self._patience.until_taken(partial(newest, since=at, until=at))
        answers = (answer_of(item) for item in of_then if b'"reply"' in item.payload)
        return next((boot for reply, boot in answers if reply and reply.to == command.wire), None)


def _is_known_on_disk(command: IssuedCommand) -> bool:
    """Whether the sidecar wrote the id down before it ran `command`: only `config-reload` changes
    anything, and is not refused so unless the state is lost."""
    return command.verb is Verb.CONFIG_RELOAD and command.state is not CommandState.REJECTED
