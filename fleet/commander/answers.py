"""Answers to commands, as they were stored: found as they come, and again after a crash.

An answer is stored first, and the end of its command a moment later. A hub that was killed in
between finds the answer when it starts.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from typing import Final

from msgspec import Struct
from msgspec.json import Decoder

from fleet.contract.answer_fast_path import ReplyPart
from fleet.contract.vocabulary import MessageKind, ReplyCode
from fleet.domain.commands import CommandBook, CommandState, IssuedCommand
from fleet.domain.events import Fact
from fleet.hub.feed import Item
from fleet.hub.store_patience import StorePatience
from fleet.store.port import Store
from fleet.store.records import StoredEvent, StoredMessage

PAGE: Final = 1_000
"""Messages read at once."""

LOOKED_AT: Final = 200_000
"""Messages that a start looks at, at most: twice as many as commands may be open."""


def is_answer(item: Item) -> bool:
    """Whether `item` may hold the reply to a command."""
    if not isinstance(item, StoredMessage):
        return False
    status = item.kind is MessageKind.STATUS and not item.retained
    return status and b'"reply"' in item.payload


def is_return(item: Item) -> bool:
    """Whether by `item` an agent may be back."""
    return isinstance(item, StoredEvent) and item.event.fact in (Fact.BIRTH, Fact.VERDICT)


class _Answer(Struct):
    """What counts here of a status, which was judged when it was stored."""

    reply: ReplyPart | None = None
    boot: int | None = None


_decode = Decoder(_Answer).decode


def answer_of(item: StoredMessage) -> tuple[ReplyPart | None, int | None]:
    """The reply in a message, if there is one, and the session of who gave it."""
    answer = _decode(item.payload)
    return answer.reply, answer.boot


async def ends_of(
    commands: Sequence[IssuedCommand], store: Store, patience: StorePatience
) -> tuple[list[IssuedCommand], set[int]]:
    """Those of `commands` that are answered in `store`, as they ended by that; and the ids of the
    messages by which they did."""
    sent = [one for one in commands if one.open and one.state is not CommandState.QUEUED]
    book, ended, by = CommandBook(sent), list[IssuedCommand](), set[int]()
    since, before = min((one.created for one in sent), default=0.0), None
    for _ in range(LOOKED_AT // PAGE):
        if not len(book):
            break
        page = await patience.until_taken(
            partial(store.newest, since=since, kind=MessageKind.STATUS, before=before, limit=PAGE)
        )
        for item in filter(is_answer, page):
            reply, _ = answer_of(item)
            command = book.asked(item.agent, reply.to) if reply else None
            if reply and command and reply.code is not ReplyCode.OTHER_SESSION:
                ended.append(command.replied(reply.result, reply.code, reply.took, item.at))
                book.save(ended[-1])
                by.add(item.id)
        if len(page) < PAGE:
            break
        before = page[0].id
    return ended, by
