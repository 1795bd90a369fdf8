"""Everything that was heard of the agent, in order, and what can be asked of it."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from fleet.contract.messages import Heartbeat
from fleet.contract.topics import FROM_AGENT
from fleet.contract.vocabulary import MessageKind
from fleet.tck.heard import Heard


class Transcript(list[Heard]):
    """Everything heard so far; an index into it is a moment."""

    def said(self, since: int = 0, kind: MessageKind | None = None) -> Iterator[Heard]:
        """What the agent said live from `since` on, of its own topics."""
        for heard in self[since:]:
            if not heard.replayed and heard.kind in FROM_AGENT and kind in (None, heard.kind):
                yield heard

    def replies(self, since: int = 0) -> list[Any]:
        return [heard.reply for heard in self.said(since) if heard.reply is not None]

    def told_once(self, since: int) -> Iterator[Heard]:
        """What was said from `since` on and not before; what only comes again, since it has no
        receipt, is left out."""
        known = {heard.digest for heard in self[:since]}
        for heard in self.said(since):
            if heard.digest not in known:
                yield heard
            if heard.number is not None:
                known.add(heard.digest)

    def boots(self) -> list[int]:
        """Numbers of sessions in order of their first message."""
        told = (heard for heard in self if heard.kind in FROM_AGENT and not heard.is_offline)
        seen = (heard.boot for heard in told)  # a will may be anybody's
        return list(dict.fromkeys(boot for boot in seen if boot is not None))

    @property
    def boot(self) -> int | None:
        """The session that spoke last of its own: resent and late messages have older numbers."""
        return max(self.boots(), default=None)

    def interval(self) -> float | None:
        """What the last heartbeat says of the next; None where none was heard or says so."""
        beats = [heard.message for heard in self if isinstance(heard.message, Heartbeat)]
        return beats[-1].interval if beats else None
