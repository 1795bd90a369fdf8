"""Failover as one part of the hub: it looks each second, decides, stores, and sends leases.

Doors ask `create`, `remove`, `failover` and `described`. The rules are `fleet.domain.failover`'s.
"""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import AsyncIterator, Iterable
from contextlib import asynccontextmanager
from dataclasses import asdict, replace
from typing import TYPE_CHECKING, Any, Final

from fleet.contract.errors import FleetError
from fleet.contract.timestamps import timestamp
from fleet.contract.topics import is_agent_name
from fleet.contract.vocabulary import HubAlertCode
from fleet.domain.agent_view import AgentView
from fleet.domain.events import Event, Fact
from fleet.domain.failover import fleet_silence
from fleet.domain.failover.advice import advice
from fleet.domain.failover.errors import PairError, UnknownPairError
from fleet.domain.failover.lease_book import LeaseBook
from fleet.domain.failover.life import Known, Step, needs_a_person, renamed, step, taken
from fleet.domain.failover.pair import TTL, Cause, Pair, Phase
from fleet.domain.failover.settling import Settling
from fleet.domain.failover.signs import SILENT, Presence, Signs, said_by, signs_of
from fleet.domain.hub_clock import Step as ClockStep
from fleet.domain.severities import severity_of
from fleet.failover.leases import LeaseSender
from fleet.failover.second_source import SecondSource
from fleet.hub.committer import HUB
from fleet.store.pairs import PairStore

if TYPE_CHECKING:
    from prometheus_client.core import Metric

    from fleet.hub.hub import Hub

TICK: Final = 0.5
"""Seconds between looks: what it takes longer is missing from a lease."""

MAX_PAIRS: Final = 1000
"""Pairs of one fleet."""

CODES: Final = (HubAlertCode.FAILOVER, HubAlertCode.FAILOVER_MANUAL)

_log = logging.getLogger(__name__)


class FailoverService:
    """A service of the hub."""

    name = "failover"

    def __init__(self, hub: Hub, store: PairStore) -> None:
        self._hub, self._store = hub, store
        self._pairs: dict[str, Pair] = {}
        self._removed: dict[str, Pair] = {}
        self.book = LeaseBook(time.monotonic())
        self.leases = LeaseSender(hub, self.book)
        self._sources = SecondSource()
        self._settling = Settling()
        self._lock = asyncio.Lock()
        self._frozen = self._loaded = False
        self.steps: list[ClockStep] = []
        hub.on_step.append(self.steps.append)
        hub.committer.on_rename.append(self.rename)

    async def run(self) -> None:
        self.book = LeaseBook(time.monotonic())
        self.leases = LeaseSender(self._hub, self.book)
        self._sources = SecondSource()
        self._loaded = False  # another hub may have led since
        try:
            await self._run()
        finally:
            await self._sources.close()

    async def _run(self) -> None:
        while True:
            try:
                async with self._turn():
                    await self._look()
            except FleetError as error:  # the store is away: nothing changes hands meanwhile
                _log.error("failover waits: %s", str(error).replace("\n", "; "))
            await asyncio.sleep(TICK)

    @asynccontextmanager
    async def _turn(self) -> AsyncIterator[None]:
        """One at a time, over what is stored, in the hub's present time.

        Raises:
            StoreError: it cannot be had, or not be kept.
        """
        async with self._lock:
            if not self._loaded:
                stored = await self._store.all()
                self._pairs = {pair.name: pair for pair in stored if not pair.removed}
                self._removed = {pair.name: pair for pair in stored if pair.removed}
                self._loaded = True
            while self.steps:
                await self._move(self.steps[0])
                del self.steps[0]
            yield

    async def _move(self, by: ClockStep) -> None:
        """The hub's time moved: so do the times of pairs."""
        moved = [
            replace(
                pair,
                since=by.moved(pair.since),
                failed_over=None if pair.failed_over is None else by.moved(pair.failed_over),
            )
            for pair in self._pairs.values()
        ]
        if moved:
            await self._store.save(*moved)
        self._pairs = {pair.name: pair for pair in moved}

    # --- each second

    async def _look(self) -> None:
        if not self._pairs:
            return
        now = self._hub.committer.now()
        roster = self._hub.roster
        views = {a: roster.view(a, now) for pair in self._pairs.values() for a in pair.agents}
        for agent, view in views.items():
            self.book.hear(agent, view.boot, view.seq, time.monotonic())
        silences, enrolled = roster.silences(SILENT)
        self._frozen = fleet_silence.is_in_doubt(silences, enrolled, now)
        for pair in list(self._pairs.values()):
            await self._look_at(pair, views, now)
        await self._tell(views)

    async def _look_at(self, pair: Pair, views: dict[str, AgentView], now: float) -> None:
        known = self._known(pair, views)
        after = step(pair, known, now)
        if after is not pair:
            await self._change(pair, after)
        await self.leases.send(self._pairs[pair.name])

    def _known(self, pair: Pair, views: dict[str, AgentView]) -> Known:
        active, standby = (views[agent] for agent in pair.agents)
        if signs_of(active, None).suspect:
            self._sources.ask(active)
        over = self.book.is_over(pair.active, time.monotonic())
        deaf = not (self._hub.counters.link_up and self._hub.own_alerts.is_hearing)
        other = signs_of(standby, None)
        said = said_by(standby)
        peer = said.peer_up if said is not None and not other.suspect else None
        answers = {self._sources.says_gone(pair.active), None if peer is None else not peer}
        gone = True if True in answers else False if False in answers else None
        signs = signs_of(active, gone)
        settled = self._settling.look(pair, signs, self._hub.committer.now())
        led = self.book.has_led(time.monotonic())
        return Known(signs, other, over, self._frozen or deaf, settled, led)

    async def _change(self, before: Pair, after: Pair) -> None:
        """Stored before anybody hears of it."""
        await self._store.save(after)
        self._pairs[after.name] = after
        _log.warning(
            "pair %s: %s, then %s (%s), epoch %d, active %s",
            after.name, before.phase, after.phase, after.cause, after.epoch, after.active,
        )  # fmt: skip

    async def _tell(self, views: dict[str, AgentView]) -> None:
        wanted: set[tuple[str, HubAlertCode]] = set()
        for pair in self._pairs.values():
            if needs_a_person(pair, self._hub.committer.now()):
                wanted.add((pair.active, HubAlertCode.FAILOVER_MANUAL))
            said = said_by(views[pair.standby])
            back = said is not None and said.has_laid_down(pair.epoch)
            moved = pair.cause is Cause.DOWN and pair.phase in (Phase.STEADY, Phase.PROMOTING)
            if moved and not (back and signs_of(views[pair.standby], None).suspect is False):
                wanted.add((pair.standby, HubAlertCode.FAILOVER))
        if self._frozen:
            wanted.add((HUB, HubAlertCode.FAILOVER_FROZEN))
        possible = {(agent, code) for agent in views for code in CODES}
        await self._settle(wanted, possible | {(HUB, HubAlertCode.FAILOVER_FROZEN)})

    async def _settle(
        self, wanted: set[tuple[str, HubAlertCode]], possible: set[tuple[str, HubAlertCode]]
    ) -> None:
        committer, events = self._hub.committer, []
        now = committer.now()
        for agent, code in sorted(possible):
            fires = committer.book.fires(agent, code)
            if (agent, code) in wanted and not fires:
                events.append(Event(Fact.ALERT_FIRING, agent, now, code, severity_of(code)))
            elif fires and (agent, code) not in wanted:
                events.append(Event(Fact.ALERT_RESOLVED, agent, now, code))
        if events:
            await committer.write(events)

    # --- doors

    async def create(self, name: str, active: str, standby: str, *, auto: bool) -> dict[str, Any]:
        """
        Raises:
            PairError: the name is taken, an agent is not enrolled, or is in another pair.
        """
        async with self._turn():
            self._check(name, active, standby)
            before = self._removed.get(name)
            epoch = before.epoch + 1 if before else 1
            now = self._hub.committer.now()  # who is not to be active lays down first
            pair = Pair(name, standby, active, auto, epoch, Phase.FENCING, since=now)
            await self._store.save(pair)
            self._removed.pop(name, None)
            self._pairs[name] = pair
        return self.described(name)

    def _check(self, name: str, active: str, standby: str) -> None:
        if not is_agent_name(name):
            raise PairError(f"{name!r} is no name of a pair", "1 to 40 of a-z, 0-9 and -", "bots")
        if name in self._pairs:
            raise PairError(f"there is a pair {name}", "", f"fleet pair show {name}")
        if active == standby:
            why = f"{active} cannot stand by for itself"
            raise PairError("a pair is of two agents", why, "--standby another agent")
        if len(self._pairs) >= MAX_PAIRS:
            raise PairError("no room for a pair", f"there are {MAX_PAIRS}", "fleet pair remove")
        now = self._hub.committer.now()
        for agent in (active, standby):
            other = next((pair.name for pair in self._pairs.values() if agent in pair.agents), None)
            if other is not None:
                why = f"it is in the pair {other}"
                raise PairError(f"{agent} is not free", why, f"fleet pair remove {other}")
            if not is_agent_name(agent) or not self._hub.roster.view(agent, now).enrolled:
                raise PairError(f"no agent {agent} is enrolled", "", "fleet agent list")

    async def remove(self, name: str) -> dict[str, Any]:
        """It ends: both agents' leases run out, and who fences lays down.

        Raises:
            UnknownPairError: there is none.
        """
        async with self._turn():
            pair = self._pair(name)
            gone = replace(pair, removed=True)
            await self._store.save(gone)
            self._removed[name] = gone
            del self._pairs[name]
            while len(self._removed) > MAX_PAIRS:
                oldest = next(iter(self._removed))
                await self._store.remove(oldest)
                del self._removed[oldest]
            self.book.forget(pair.agents, time.monotonic())
            self._settling.forget(name)
            await self._settle(set(), {(agent, code) for agent in pair.agents for code in CODES})
        return {"pair": name, "removed": True}

    async def rename(self, old: str, new: str) -> None:
        """An agent is called something else: its pair goes on with it, under a new epoch. Where the
        new name is in a pair already, the pair keeps the old one, which is never heard again."""
        async with self._turn():
            now = self._hub.committer.now()
            elsewhere = [pair.name for pair in self._pairs.values() if new in pair.agents]
            for pair in [pair for pair in self._pairs.values() if old in pair.agents]:
                if elsewhere:
                    _log.warning("pair %s keeps %s: %s is in %s", pair.name, old, new, elsewhere[0])
                    continue
                await self._change(pair, renamed(pair, old, new, now))
                self.book.rename(old, new)
                self._settling.forget(pair.name)

    async def failover(self, name: str, *, stopped: bool = False) -> dict[str, Any]:
        """Make the standby active. The active agent lays down first; `stopped`: a person vouches
        that it is stopped, where it does not answer.

        Raises:
            PairError: it cannot be done now.
        """
        async with self._turn():
            pair = self._pair(name)
            now = self._hub.committer.now()
            active, standby = (self._signs(agent, now) for agent in pair.agents)
            if standby.presence is not Presence.UP:
                why = f"{pair.standby} is not up"
                raise PairError(f"{name} cannot change", why, f"fleet status {pair.standby}")
            if stopped and active.presence is Presence.UP:
                why = f"{pair.active} says that it is well, so it is asked to lay down"
                raise PairError(f"{pair.active} is not stopped", why, f"fleet pair failover {name}")
            what = Step.FENCED if stopped else Step.CHANGE
            after = taken(pair, what, Cause.ASKED, now)
            if after is pair:
                why = f"it is {pair.phase}: {pair.phase.meaning}"
                raise PairError(f"{name} is about to change", why, f"fleet pair show {name}")
            await self._change(pair, after)
        return self.described(name)

    def described(self, name: str) -> dict[str, Any]:
        """
        Raises:
            UnknownPairError: there is none.
        """
        pair, now = self._pair(name), self._hub.committer.now()
        members, known = [], [self._signs(agent, now) for agent in pair.agents]
        asked = advice(pair, known[0].presence, known[1].presence, now)
        for agent, role, signs in zip(pair.agents, pair.roles(), known, strict=True):
            said = signs.said
            members.append({
                "agent": agent, "role": role.value, "presence": signs.presence.value,
                "active": said.active if said else None, "fences": said.fences if said else None,
            })  # fmt: skip
        return {
            "pair": pair.name, "phase": pair.phase.value, "cause": pair.cause.value,
            "auto": pair.auto, "epoch": pair.epoch, "since": timestamp(pair.since),
            "failed_over": timestamp(pair.failed_over) if pair.failed_over is not None else None,
            "frozen": self._frozen, "needs_person": asdict(asked) if asked else None, "ttl": TTL,
            "members": members,
        }  # fmt: skip

    def all(self) -> list[dict[str, Any]]:
        return [self.described(name) for name in sorted(self._pairs)]

    def metrics(self) -> Iterable[Metric]:
        """For a scrape."""
        from fleet.metrics.pair_metrics import metrics_of

        return metrics_of(self._pairs.values(), self.leases.sent, frozen=self._frozen)

    def _signs(self, agent: str, now: float) -> Signs:
        view = self._hub.roster.view(agent, now)
        return signs_of(view, self._sources.says_gone(agent))

    def _pair(self, name: str) -> Pair:
        if name not in self._pairs:
            raise UnknownPairError(name)
        return self._pairs[name]
