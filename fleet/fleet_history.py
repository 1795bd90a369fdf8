"""What a fleet said in the past, as every door outside the hub reads it: from the hub where one
serves, else from the store of this home, in which a hub that is down left it.

Both give the same JSON objects; the hub makes its own from the same store.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import Any, Protocol
from urllib.parse import urlencode

from fleet.contract.vocabulary import MessageKind
from fleet.hub_client import HubClient, HubError
from fleet.settings import Settings
from fleet.store.open import read_only
from fleet.store.port import StoreReader
from fleet.store.records import described_dead_letter, described_message

JsonObject = dict[str, Any]
Part = tuple[list[JsonObject], str | None]
"""Some of what was asked for, oldest first, and the cursor of what follows, None at the end."""

PAGE = 500
"""Asked for at once: some 150 kB, an eighth of a second's work of the hub at most."""


@dataclass(frozen=True, slots=True)
class Span:
    """Which messages: times are seconds since the epoch, and None leaves a side open."""

    since: float | None = None
    until: float | None = None
    agent: str | None = None
    kind: MessageKind | None = None
    cursor: str | None = None
    limit: int = 100


class FleetHistory(Protocol):
    """Questions about the past.

    Raises:
        ValueError: the cursor is not one of ours.
        HubError: the hub is away or refuses.
    """

    async def newest(self, span: Span) -> list[JsonObject]:
        """The last `limit` messages, oldest of them first; the cursor is not looked at."""
        ...

    async def messages(self, span: Span) -> Part: ...

    async def hours(self, span: Span) -> Part:
        """Sums of each agent's hours that are over; the kind is not looked at."""
        ...

    async def dead_letters(self, before: int | None, limit: int) -> list[JsonObject]:
        """Newest first, those with an id below `before`; without their text."""
        ...


@asynccontextmanager
async def open_history(settings: Settings) -> AsyncIterator[FleetHistory]:
    """
    Raises:
        HubError: the hub that the settings name is away or refuses.
        ConfigError: none serves, and this home has no store.
    """
    hub = await asyncio.to_thread(_answering, settings)
    if hub is not None:
        yield OfHub(hub)
        return
    async with read_only(settings) as store:
        yield OfStore(settings, store)


async def audits(settings: Settings) -> list[JsonObject]:
    """Summaries of the latest audit reports, newest first; no matched value is in them.

    Raises:
        HubError: the hub that the settings name is away or refuses.
    """
    from fleet.auditor.report import archive

    hub = await asyncio.to_thread(_answering, settings)
    if hub is None:
        return archive.recent(settings.home)
    [reports] = await OfHub(hub).asked("audit", {}, "reports")
    return list(reports)


def _answering(settings: Settings) -> HubClient | None:
    """The hub to ask. One of this home that is stuck or busy is passed by: what it has committed
    lies here."""
    hub = HubClient.asked(settings)
    if hub is None or settings.hub:
        return hub
    try:
        hub.get("/v1/history?limit=1")
    except HubError:
        return None
    return hub


class OfHub:
    """The past as a hub tells it over HTTP."""

    def __init__(self, hub: HubClient) -> None:
        self._hub = hub

    async def newest(self, span: Span) -> list[JsonObject]:
        told: list[JsonObject] = []
        cursor: str | None = None
        while len(told) < span.limit:
            part = replace(span, cursor=cursor, limit=span.limit - len(told))
            older, cursor = await self._part("history", "messages", part, newest="true")
            told[:0] = older
            if cursor is None:
                break
        return told

    async def messages(self, span: Span) -> Part:
        return await self._part("history", "messages", span)

    async def hours(self, span: Span) -> Part:
        hours, cursor = await self._part("rollups", "hours", replace(span, kind=None))
        with self._hub.reading():
            for hour in hours:
                _look_at(hour)
        return hours, cursor

    async def dead_letters(self, before: int | None, limit: int) -> list[JsonObject]:
        told: list[JsonObject] = []
        while len(told) < limit:
            size = min(PAGE, limit - len(told))
            wanted = {"before": before, "limit": size}
            [page] = await self.asked("dead-letters", wanted, "dead_letters")
            told += page
            if len(page) < size:
                break
            before = page[-1]["id"]
        return told

    async def _part(self, path: str, items: str, span: Span, **more: str) -> Part:
        wanted: JsonObject = {
            "since": _moment(span.since),
            "until": _moment(span.until),
            "agent": span.agent,
            "kind": span.kind,
            "cursor": span.cursor,
            "limit": min(PAGE, span.limit),
            **more,
        }
        found, cursor = await self.asked(path, wanted, items, "next")
        return found, cursor

    async def asked(self, path: str, wanted: JsonObject, *members: str) -> list[Any]:
        """These members of the answer; what is None in `wanted` is not asked for.

        Raises:
            HubError: the hub is away, refuses, or is of another version.
        """
        given = {name: value for name, value in wanted.items() if value is not None}
        answer = await asyncio.to_thread(self._hub.get, f"/v1/{path}?{urlencode(given)}")
        with self._hub.reading():
            return [answer[name] for name in members]


class OfStore:
    """The past as the store of this home tells it."""

    def __init__(self, settings: Settings, store: StoreReader) -> None:
        self._settings = settings
        self._store = store

    async def newest(self, span: Span) -> list[JsonObject]:
        found = await self._store.newest(
            since=span.since, until=span.until, agent=span.agent, kind=span.kind, limit=span.limit
        )
        return [described_message(message) for message in found]

    async def messages(self, span: Span) -> Part:
        page = await self._store.history(
            since=span.since,
            until=span.until,
            agent=span.agent,
            kind=span.kind,
            cursor=span.cursor,
            limit=min(PAGE, span.limit),
        )
        return [described_message(message) for message in page.messages], page.next

    async def hours(self, span: Span) -> Part:
        page = await self._store.rollups(
            since=span.since,
            until=span.until,
            agent=span.agent,
            cursor=span.cursor,
            limit=min(PAGE, span.limit),
        )
        return [rollup.as_dict() for rollup in page.rollups], page.next

    async def dead_letters(self, before: int | None, limit: int) -> list[JsonObject]:
        found = await self._store.dead_letters(before=before, limit=limit)
        return [described_dead_letter(letter, self._settings.topics) for letter in found]


def _moment(at: float | None) -> str | None:
    """To the microsecond: a message at the very edge of a span is inside. A span can lead back to
    before there were clocks."""
    return None if at is None else datetime.fromtimestamp(max(at, 0.0), UTC).isoformat()


def _look_at(hour: Any) -> None:
    """
    Raises:
        AttributeError, KeyError, TypeError, ValueError: it is not an hour as `Rollup` gives it.
    """
    datetime.fromisoformat(hour["hour"])
    sums = [hour[name] for name in ("beats", "failing", "statuses", "alerts")]
    for values in hour["metrics"].values():
        sums += [values[name] for name in ("min", "max", "last")]
    if not all(isinstance(number, int | float) for number in sums):
        raise TypeError
    if not isinstance(hour["agent"], str):
        raise TypeError
