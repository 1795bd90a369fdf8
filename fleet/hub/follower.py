"""A hub that reads: it makes of the stored messages and events what the hub that leads made of
them, by the same rules, and shows it as of that one's last word.

It judges nothing by time itself. While nobody leads, what it shows stays as it was, and it says how
old that is.
"""

from __future__ import annotations

import asyncio
import json
import logging
import time
from collections import Counter
from collections.abc import Callable
from typing import TYPE_CHECKING, Any, Final, TypeVar

from fleet.contract.backoff import Backoff
from fleet.contract.rejection import Rejected
from fleet.contract.topics import Address
from fleet.contract.vocabulary import HubAlertCode
from fleet.domain.alerts import AlertBook
from fleet.domain.events import Fact
from fleet.domain.roster import Roster
from fleet.hub.free_memory import give_back
from fleet.hub.hub_time import HubTime
from fleet.hub.live_state import list_from_json
from fleet.store.port import StoreError
from fleet.store.records import HubState, StoredEvent, StoredMessage
from fleet.store.shared import ENROLLED, Following, Item, Live, News

if TYPE_CHECKING:
    from fleet.hub.hub import Hub

LOOK: Final = 0.5
"""Seconds between looks; the hub that leads says something each second."""

PAGE: Final = 2_000
"""Messages, and events, that are read at a time."""

CATCH_UP: Final = 5.0
"""Seconds for the last look of a hub that leads now; usually it has seen all but half a second."""

FIRST_AGAIN, LAST_AGAIN = 1.0, 5.0
"""Seconds between looks at a store that is away."""

_COUNTED: Final = ("received", "rejected", "facts")

_OF_ANOTHER_RELEASE: Final = (KeyError, TypeError, ValueError, AttributeError)
"""What a word runs into that this release does not know."""

T = TypeVar("T")

_log = logging.getLogger(__name__)


class AsOf(HubTime):
    """The time of what is shown."""

    at = 0.0

    def now(self) -> float:
        return self.at


class Follower:
    """Feeds a hub that is not run: its roster, its alert book, its counters, its feed.

    Attributes:
        said: the last word of the hub that leads; None: nothing is known yet.
        text: what it said.
        on_look: called with each word of that hub.
        on_begin: called when all was read anew.
    """

    name = "follower"

    def __init__(
        self, hub: Hub, following: Following, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self.time = AsOf()
        hub.committer.time = self.time
        self.said: Live | None = None
        self.text: dict[str, Any] = {}
        self.begun = asyncio.Event()
        self.on_look: list[Callable[[dict[str, Any]], None]] = []
        self.on_begin: list[Callable[[], None]] = []
        self._hub = hub
        self._following = following
        self._clock = clock
        self._turn = asyncio.Lock()
        self._looked = 0.0
        self._answered = clock()
        self._unread_since: float | None = None
        self._position, self._newest = 0, 0.0
        self._of: tuple[int, int] | None = None
        self._upto: dict[str, int] = {}
        self._list, self._book = -1, -1
        self._acknowledged: set[str] | None = None
        self._agrees = False
        """Whether records and alerts were brought into line since nobody listens."""

    @property
    def age(self) -> float:
        """Seconds since the hub that leads said that it was so."""
        return self.said.age + self._clock() - self._looked if self.said else 0.0

    @property
    def unread(self) -> float:
        """Seconds for which that hub's words were there and could not be understood."""
        return 0.0 if self._unread_since is None else self._clock() - self._unread_since

    @property
    def unasked(self) -> float:
        """Seconds since the store last answered; it is asked each half second."""
        return self._clock() - self._answered

    async def kept(self, name: str, parse: Callable[[str | None], T]) -> T:
        """What `parse` makes of a document of the hub that leads; None: there is none.

        Raises:
            StoreError: the store cannot be asked.
        """
        return await asyncio.to_thread(lambda: parse(self._following.document(name)))

    async def run(self) -> None:
        backoff = Backoff(FIRST_AGAIN, LAST_AGAIN)
        while True:
            try:
                async with self._turn:
                    more = await self.look()
            except (StoreError, *_OF_ANOTHER_RELEASE) as error:
                away = isinstance(error, StoreError)
                if not away and self._unread_since is None:
                    self._unread_since = self._clock()
                if not backoff.failures:
                    why = error.what if isinstance(error, StoreError) else "of another release"
                    _log.warning("what the hub that leads says cannot be read: %s", why)
                await asyncio.sleep(backoff.failed(self._clock()))
                continue
            backoff.failures, self._unread_since = 0, None
            await asyncio.sleep(0 if more else LOOK)

    async def caught_up(self) -> Roster | None:
        """The roster with all that was committed, for who leads now: nobody else commits any more.
        None: it is not known here, so the store is to be read whole."""
        if not self.begun.is_set():
            return None
        try:
            async with asyncio.timeout(CATCH_UP), self._turn:
                while await self.look() or self._of is None:  # None: all is to be read anew
                    pass
        except (TimeoutError, StoreError, *_OF_ANOTHER_RELEASE):
            return None
        return self._hub.roster

    async def look(self) -> bool:
        """Take up what is new; whether more waits.

        Raises:
            StoreError: the store cannot be asked.
        """
        news = await self._news(self._position)
        if news.live is None:
            return False
        text = json.loads(news.live.text)
        if self._of != (news.live.epoch, text["steps"]):
            await self._begin(news.live, text)
            await give_back(len(self._hub.roster))
            return True
        looked = self._clock()
        document, book = await self._beside(text)
        self._take_up(news.items, text, document)
        if document is not None:
            self._agree_with(book)
        if news.more:
            self._hub.feed.publish(list(news.items))
            return True
        self._show(news.live, text, book)
        self._looked = looked
        self._hub.feed.publish(list(news.items))
        return False

    async def _news(self, position: int) -> News:
        news = await asyncio.to_thread(self._following.news, position, PAGE)
        self._answered = self._clock()
        return news

    async def _beside(self, text: dict[str, Any]) -> tuple[str | None, AlertBook | None]:
        """The list of agents and the alerts, where they have changed."""
        document = book = None
        if text["enrolled"] != self._list:
            document = await asyncio.to_thread(self._following.document, ENROLLED)
        if text["book"] != self._book:
            book = await asyncio.to_thread(self._read_book)
        return document, book

    def _read_book(self) -> AlertBook:
        """In a thread: to enter 100,000 alerts takes half a second."""
        return AlertBook.of(*self._following.book(), self._hub.committer.book.limits)

    async def _begin(self, live: Live, text: dict[str, Any]) -> None:
        """Read all anew, as a hub that starts does; whoever asks meanwhile sees what was."""
        self._list = self._book = -1
        memory = await asyncio.to_thread(self._following.begin)
        items: list[Item] = []
        position, more = memory.replay_from, True
        while more:
            news = await self._news(position)
            items += news.items
            position = news.items[-1].id if news.items else position
            more = news.more
        document, book = await self._beside(text)
        looked = self._clock()
        self._load(memory, text, document)
        self._position, self._newest = memory.replay_from, 0.0
        self._acknowledged = None
        self._take_up(items, text, None)
        self._agree_with(book)
        self._position = max(self._position, memory.last_id)
        self._of = (live.epoch, text["steps"])
        self._show(live, text, book)
        self._looked = looked
        self._upto.clear()
        for told in self.on_begin:
            told()
        self.begun.set()

    def _load(self, memory: HubState, text: dict[str, Any], document: str | None) -> None:
        roster, members = self._hub.roster, self._hub.roster.enrolled
        if document is not None:
            members, self._list = list_from_json(json.loads(document)), text["enrolled"]
        roster.become(((agent, state) for agent, _upto, state in memory.records), members)
        self._upto = memory.records.upto()

    def _take_up(self, items: list[Item], text: dict[str, Any], document: str | None) -> None:
        """What was committed, in its order; that nobody listens was so before, that somebody does
        again is so after it."""
        roster = self._hub.roster
        if document is not None:
            roster.enrol(list_from_json(json.loads(document)), at=self.time.at)
            self._list = text["enrolled"]
        if text["stopped_at"] is not None:
            self._agrees = self._agrees and roster.listening[0] is not None
            roster.stop_listening(text["stopped_at"])
        for item in items:
            if isinstance(item, StoredMessage):
                self._newest = max(self._newest, item.at)
                self._hear(item)
            elif isinstance(item, StoredEvent):
                self._learn(item)
        if items:
            self._position = items[-1].id

    def _hear(self, item: StoredMessage) -> None:
        if item.id <= self._upto.get(item.agent, 0):
            return
        try:
            message = self._hub.reader.read(item.kind, item.payload)
        except Rejected:  # by a word that only the other hub's ADRs add
            return
        address = Address(item.agent, item.kind)
        self._hub.roster.observe(address, message, at=item.at, retained=item.retained)

    def _learn(self, item: StoredEvent) -> None:
        """Time alone changes a verdict when the hub that leads looks, and never else."""
        event, roster = item.event, self._hub.roster
        if item.id <= self._upto.get(event.agent, 0):
            return
        if event.fact is Fact.VERDICT and roster.verdict(event.agent) != event.word:
            roster.tick(event.at)
        elif event.fact is Fact.FORGOTTEN and event.word:
            roster.rename(event.agent, event.word, at=event.at)
            self._of = None  # what was said just before has the new name by now: read all anew
        elif event.fact is Fact.FORGOTTEN:
            roster.forget(event.agent)

    def _show(self, live: Live, text: dict[str, Any], book: AlertBook | None) -> None:
        hub, roster = self._hub, self._hub.roster
        self.said, self.text = live, text
        self.time.at = max(live.at, self._newest)
        self._agrees = self._agrees and roster.clock_error == text["clock_error"]
        roster.know_clock_error(text["clock_error"], live.at)
        if text["stopped_at"] is None and roster.listening[0] is not None:
            roster.resume_listening(text["listening_since"] or live.at)
            self._agree_with(book)
        elif text["stopped_at"] is not None:
            if book is not None or not self._agrees:
                self._agree_with(book)
            roster.tick(live.at)
        for name, state in text["unstored"].items():
            roster.forget(name)
            roster.load([(name, state)])
        if book is not None:
            self._accept(book)
            hub.committer.book = book
            self._book = text["book"]
        hub.committer.book.keep_time(self.time.at)
        hub.started_at = text["started"]
        for name, value in text["counters"].items():
            setattr(hub.counters, name, Counter(value) if name in _COUNTED else value)
        for told in self.on_look:
            told(text)

    def _agree_with(self, book: AlertBook | None) -> None:
        """Let what fires, and since when, be as the hub that leads said last: of what time alone
        began, or its list, no message tells."""
        self._hub.roster.go_on_with(book or self._hub.committer.book)
        self._agrees = True

    def _accept(self, book: AlertBook) -> None:
        """Who acknowledges a drift accepts the configuration."""
        drifts = (a for a in book.alerts.values() if a.code == HubAlertCode.CONFIG_DRIFT)
        accepted = {alert.agent for alert in drifts if alert.acknowledged_by}
        known, self._acknowledged = self._acknowledged, accepted
        for name in accepted - known if known is not None else ():
            self._hub.roster.accept_config(name, at=self.time.at)
