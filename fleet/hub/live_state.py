"""What the hub that leads leaves in the store for those that read beside it: all that they cannot
make of messages and events themselves. Written each second, and of one moment.
"""

from __future__ import annotations

import asyncio
import json
import math
from collections.abc import Callable
from dataclasses import fields
from functools import partial
from typing import TYPE_CHECKING, Any, Final

from fleet.contract.vocabulary import Kind
from fleet.domain.enrolment import Enrolment
from fleet.domain.hub_clock import Step
from fleet.hub.counters import Counters
from fleet.store.shared import ENROLLED

if TYPE_CHECKING:
    from collections.abc import Mapping

    from fleet.hub.hub import Hub

PAUSE: Final = 1.0
"""Seconds between two words: how old what a reader shows usually is."""

MOST: Final = 200
"""Agents whose records are told beside the store, since they sent too much to be stored, or two
take turns in their name."""

More = Callable[[], dict[str, Any]]
"""What a service tells as well, ready for JSON."""


class LiveState:
    """A service of the hub, where the store has several of them."""

    name = "live-state"

    def __init__(self, hub: Hub, more: More) -> None:
        self._hub = hub
        self._more = more
        self._enrolled: object = self
        self._lists, self._steps = 0, 0
        hub.on_step.append(self._step)

    async def run(self) -> None:
        leadership, committer = self._hub.store.leadership, self._hub.committer
        if leadership is None:
            return
        while True:
            await self._tell_list(leadership.documents.write)
            at = committer.now()
            await committer.write()  # all that is known by now is in the store first
            text = json.dumps(self._text(), separators=(",", ":"))
            tell = partial(asyncio.to_thread, leadership.live.write, at, text)
            await committer.patience.until_taken(tell)
            await asyncio.sleep(PAUSE)

    async def _tell_list(self, write: Callable[[str, str], None]) -> None:
        enrolled = self._hub.roster.enrolled
        if enrolled is self._enrolled:
            return
        text = json.dumps(list_as_json(enrolled), separators=(",", ":"))
        await self._hub.committer.patience.until_taken(
            lambda: asyncio.to_thread(write, ENROLLED, text)
        )
        self._enrolled = enrolled
        self._lists += 1

    def _text(self) -> dict[str, Any]:
        hub = self._hub
        stopped_at, since = hub.roster.listening
        over = sorted(hub.budget.over | hub.committer.taking_turns)[:MOST]
        return {
            "stopped_at": stopped_at if stopped_at is None or math.isfinite(stopped_at) else 0.0,
            "listening_since": since if math.isfinite(since) else None,
            "clock_error": hub.roster.clock_error,
            "enrolled": self._lists,
            "steps": self._steps,
            "book": hub.committer.book_version,
            "started": hub.started_at,
            "counters": {one.name: getattr(hub.counters, one.name) for one in fields(Counters)},
            "broker": str(hub.bus.broker),
            "unasked": hub.bus.unasked,
            "overflowed": hub.bus.overflowed,
            "dead_letters_dropped": hub.store.dead_letters_dropped,
            "values_left_out": hub.store.values_left_out,
            "disk": hub.store.disk_usage().files,
            "unstored": dict(hub.roster.dump(over)),
            **self._more(),
        }

    def _step(self, _: Step) -> None:
        self._steps += 1


def list_as_json(enrolled: Mapping[str, Enrolment] | None) -> Any:
    """Every agent that is enrolled, or null."""
    if enrolled is None:
        return None
    return {
        name: [dict(one.labels), one.kind and one.kind.value, list(one.groups)]
        for name, one in enrolled.items()
    }


def list_from_json(document: Any) -> dict[str, Enrolment] | None:
    """What `list_as_json` wrote."""
    if document is None:
        return None
    return {
        name: Enrolment(labels, Kind(kind) if kind else None, tuple(groups))
        for name, (labels, kind, groups) in document.items()
    }
