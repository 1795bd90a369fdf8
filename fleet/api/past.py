"""What is stored, as the HTTP interface tells it: messages and hourly sums, as they are, folded or
summed up further."""

from __future__ import annotations

from collections import deque
from dataclasses import replace
from typing import TYPE_CHECKING, Final

from fleet.api.cooperative import SLICE, in_slices
from fleet.domain.folded import folded
from fleet.store import cursors
from fleet.store.records import HOUR, Rollup, described_message

if TYPE_CHECKING:
    from fleet.api.backend import HistoryQuery, JsonObject
    from fleet.hub.hub import Hub

SCANNED: Final = 2_000
"""Messages that one folded answer looks back at: a day and more at a beat a minute."""

PAGE: Final = 500


class Past:
    """The store of a running hub, asked."""

    def __init__(self, hub: Hub) -> None:
        self._hub = hub

    async def history(self, span: HistoryQuery) -> JsonObject:
        """
        Raises:
            ValueError: the cursor is not one of ours.
        """
        if span.fold:
            return await self._folded(span)
        if span.newest:
            return await self._newest(span)
        page = await self._hub.store.history(
            since=span.since,
            until=span.until,
            agent=span.agent,
            kind=span.kind,
            cursor=span.cursor,
            limit=span.limit,
        )
        return {"messages": [described_message(m) for m in page.messages], "next": page.next}

    async def rollups(self, span: HistoryQuery) -> JsonObject:
        """
        Raises:
            ValueError: the cursor is not one of ours.
        """
        if span.step > 1:
            return {"hours": await self._summed(span), "next": None}
        page = await self._hub.store.rollups(
            since=span.since,
            until=span.until,
            agent=span.agent,
            cursor=span.cursor,
            limit=span.limit,
        )
        return {"hours": [rollup.as_dict() for rollup in page.rollups], "next": page.next}

    async def _newest(self, span: HistoryQuery) -> JsonObject:
        before = None if span.cursor is None else cursors.parse_message(span.cursor)
        found = await self._hub.store.newest(
            since=span.since,
            until=span.until,
            agent=span.agent,
            kind=span.kind,
            before=before,
            limit=span.limit,
        )
        more = str(found[0].id) if len(found) == span.limit else None
        return {"messages": [described_message(m) for m in found], "next": more}

    async def _folded(self, span: HistoryQuery) -> JsonObject:
        """The newest runs, at most `limit`, of what `SCANNED` messages hold."""
        before = None if span.cursor is None else cursors.parse_message(span.cursor)
        pages: deque[list[JsonObject]] = deque()
        more = True
        while more and sum(map(len, pages)) < SCANNED:
            found = await self._hub.store.newest(
                since=span.since,
                until=span.until,
                agent=span.agent,
                kind=span.kind,
                before=before,
                limit=PAGE,
            )
            pages.appendleft(await in_slices(found, described_message))
            more = len(found) == PAGE
            before = found[0].id if found else before
        runs = list(folded(message for page in pages for message in page))
        shown = runs[-span.limit :]
        if len(shown) < len(runs):
            more, before = True, shown[0].first
        messages = [{**run.message, "same": run.same, "since": run.since or None} for run in shown]
        return {"messages": messages, "next": str(before) if more else None}

    async def _summed(self, span: HistoryQuery) -> list[JsonObject]:
        """Hours of one agent in spans of `step` hours, the newest `limit` of them."""
        sums: deque[Rollup] = deque(maxlen=span.limit)

        def add(rollup: Rollup) -> None:
            begins = rollup.hour // (span.step * HOUR) * (span.step * HOUR)
            if sums and sums[-1].hour == begins:
                sums.append(_joined(sums.pop(), rollup))
            else:
                sums.append(replace(rollup, hour=begins))

        cursor = None
        while True:
            page = await self._hub.store.rollups(
                since=span.since, until=span.until, agent=span.agent, cursor=cursor, limit=SLICE
            )
            await in_slices(page.rollups, add)
            if (cursor := page.next) is None:
                return [one.as_dict() for one in sums]


def _joined(sum_: Rollup, hour: Rollup) -> Rollup:
    """`sum_` with the hour after it."""
    metrics = dict(sum_.metrics)
    for name, (least, most, last) in hour.metrics.items():
        before = metrics.get(name, [least, most, last])
        metrics[name] = [min(least, before[0]), max(most, before[1]), last]
    return Rollup(
        sum_.hour,
        sum_.agent,
        sum_.beats + hour.beats,
        sum_.failing + hour.failing,
        sum_.statuses + hour.statuses,
        sum_.alerts + hour.alerts,
        metrics,
    )
