"""The hub as the HTTP interface sees it: every answer is ready for JSON."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Sequence
from typing import TYPE_CHECKING

import fleet
from fleet.api import timelines
from fleet.api.agent_lists import AgentLists, Lists
from fleet.api.agent_query import AgentQuery, labels
from fleet.api.alert_list import AlertList, Deliveries
from fleet.api.backend import AlertQuery, CommandRequest, HistoryQuery, JsonObject, SilenceRequest
from fleet.api.event_stream import EventFilter, EventStream, StreamEvent
from fleet.api.linked_alerts import LinkedAlerts
from fleet.api.name_list import NameQuery, names_of
from fleet.api.past import Past
from fleet.api.quiet import Quiet
from fleet.auditor.report import archive
from fleet.capacity.listing import Asked
from fleet.capacity.watch import CapacityWatch
from fleet.commander.commander import Commander, TooManyOpenError
from fleet.commander.departures import Departures
from fleet.commander.enrolment_sync import EnrolmentSync
from fleet.contract.messages import Status
from fleet.contract.timestamps import timestamp
from fleet.contract.topics import STATES
from fleet.contract.vocabulary import HubAlertCode, MessageKind, Result
from fleet.domain.alert import AlertGroup
from fleet.domain.events import Event, Fact
from fleet.domain.severities import severity_of
from fleet.hub.maintenance_windows import MaintenanceWindows
from fleet.metrics.exporter import Exporter
from fleet.notifier.notifier import Notifier
from fleet.store.records import described_dead_letter

if TYPE_CHECKING:
    from fleet.hub.hub import Hub


class HubBackend:
    """Implements `fleet.api.backend.Backend` over a running hub, and feeds its streams."""

    name = "stream"

    def __init__(
        self,
        hub: Hub,
        commander: Commander,
        exporter: Exporter,
        departures: Departures,
        enrolments: EnrolmentSync,
        notifier: Notifier,
        maintenance: MaintenanceWindows,
        capacity: CapacityWatch,
    ) -> None:
        self._hub = hub
        self.lists: Lists = AgentLists(hub)
        self.tell_sites: Callable[[], list[JsonObject]] = list
        self.about_everybody = asyncio.Lock()
        self._capacity = capacity
        self._notifier = notifier
        self._linked = LinkedAlerts(hub)
        self._alerts = AlertList(lambda: self.lists.shown())  # noqa: PLW0108 - `lists` may change
        self._quiet = Quiet(hub, maintenance)
        self._commander = commander
        self._exporter = exporter
        self._departures = departures
        self._enrolments = enrolments
        self._stream = EventStream()
        commander.observe(self._stream.publish)

    async def run(self) -> None:
        """Turn what the hub commits into events."""
        # Ids go on from the clock, so that a client of an earlier hub resumes in the right place.
        self._stream.number_from(int(self._hub.committer.now() * 1000))
        try:
            await self.follow(self._hub)
        finally:
            self._stream.end()

    async def follow(self, hub: Hub) -> None:
        """Tell what this hub, or another site's, commits, until it is cancelled."""
        subscription = hub.feed.subscribe()
        try:
            async for items in subscription.batches():
                self._stream.publish([one for one in items if not isinstance(one, AlertGroup)])
        finally:
            subscription.close()

    def gap(self) -> None:
        """Events went by that nobody here was told."""
        self._stream.gap()

    def ready(self) -> JsonObject:
        counters = self._hub.counters
        state = {"broker": counters.link_up, "store": not counters.paused}
        return {"ready": all(state.values()), **state}

    async def agents(self, wanted: AgentQuery) -> tuple[list[bytes], JsonObject]:
        rows, page = await self.lists.agents(wanted)
        return [row.text for row in rows], {
            "next": page.next,
            "total": page.total,
            "counts": page.counts,
            "listed": self._hub.roster.has_list,
            "hub": self.lists.of_hubs(),
            "standby": self._standby(),
            **({"sites": self.sites()} if self._hub.settings.site else {}),
            **self.seen(),
        }

    def sites(self) -> list[JsonObject]:
        return self.tell_sites()

    def seen(self) -> JsonObject:
        """Of when and from whom what is shown is."""
        now = timestamp(self._hub.committer.now())
        return {"role": "leader", "leader": None, "as_of": now, "as_of_age": 0.0}

    def _standby(self) -> str | None:
        """Of several brokers the one at which the hub is, if it is not the first."""
        here = self._hub.bus.broker
        return None if here == self._hub.settings.broker else here.place

    async def problems(self, limit: int | None, site: str | None = None) -> list[JsonObject]:
        return await self.lists.problems(limit, site)

    async def found(self, wanted: AgentQuery) -> tuple[list[JsonObject], JsonObject]:
        worst, found = await self.lists.found(wanted)
        return worst, found.as_dict()

    def names(self, wanted: NameQuery) -> JsonObject:
        hubs = [self._hub] if wanted.own else self.lists.hubs()
        names, total = names_of([hub.roster for hub in hubs], wanted)
        return {"names": names, "total": total, "listed": self._hub.roster.has_list}

    def agent(self, name: str) -> JsonObject | None:
        return self.lists.agent(name)

    def labels(self) -> JsonObject:
        return labels(hub.roster for hub in self.lists.hubs())

    def stats(self) -> JsonObject:
        counters = self._hub.counters
        started = self._hub.started_at
        return {
            "version": fleet.__version__,
            "started": timestamp(started) if started else None,
            "agents": {verdict.value: n for verdict, n in self._hub.roster.counts().items()},
            "received": dict(counters.received),
            "rejects": dict(counters.rejected),
            "facts": {str(fact): count for fact, count in counters.facts.items()},
            "missing": counters.missing,
            "stored": counters.stored,
            "commands_open": len(self._commander),
            "alerts_firing": len(self._hub.committer.book.firing()),
            "broker_dropped": counters.broker_dropped,
            "brokers": {
                one.place: one == self._hub.bus.broker for one in self._hub.settings.brokers.every
            },
            "bridges": dict(counters.bridges),
            "link_losses": counters.link_losses,
            **self.seen(),
        }

    async def history(self, span: HistoryQuery) -> JsonObject:
        return await Past(self.lists.hub_of(span.agent)).history(span)

    async def rollups(self, span: HistoryQuery) -> JsonObject:
        return await Past(self.lists.hub_of(span.agent)).rollups(span)

    async def beats(self, agents: Sequence[str], metric: str | None) -> JsonObject:
        return await timelines.of_several(self._hub, self.lists.hub_of, agents, metric)

    async def dead_letters(self, before: int | None, limit: int) -> list[JsonObject]:
        found = await self._hub.store.dead_letters(before=before, limit=limit)
        return [described_dead_letter(letter, self._hub.topics) for letter in found]

    async def send(self, request: CommandRequest) -> tuple[list[str], str | None]:
        for agent in request.agents:
            if not self._hub.roster.knows(agent):
                raise KeyError(agent)
        try:
            commands = await self._commander.send(
                request.verb,
                request.agents or sorted(self._hub.roster.names()),
                priority=request.priority,
                ttl=request.ttl,
                by=request.by,
                reply_to=request.reply_to,
                broadcast=not request.agents,
            )
        except TooManyOpenError:
            raise OverflowError from None
        return [command.id for command in commands], commands[0].broadcast if commands else None

    async def inbox(self, agent: str | None, *, unread: bool, reading: bool) -> list[JsonObject]:
        commands = await self._commander.inbox(agent, unread=unread, reading=reading)
        return [command.as_dict() for command in commands]

    async def ack(self, agent: str | None, command: str, result: Result) -> bool:
        return await self._commander.ack(agent, command, result)

    async def publish(self, kind: MessageKind, agent: str, payload: bytes) -> None:
        message = self._hub.reader.read(kind, payload)
        answers = isinstance(message, Status) and message.reply is not None
        retain = kind in STATES and not answers  # an answer is of its moment, no state
        await self._hub.bus.publish(self._hub.topics.of(kind, agent), payload, retain=retain)

    async def forget(self, agent: str, *, history: bool) -> JsonObject:
        await self._enrolments.look()  # whoever was just revoked is gone when this is answered
        done = await self._departures.forget(agent, history=history)
        return done.as_dict()

    async def rename(self, agent: str, to: str) -> JsonObject:
        await self._enrolments.look()
        done = await self._departures.rename(agent, to)
        return done.as_dict()

    async def alerts(self, wanted: AlertQuery) -> tuple[list[JsonObject], str | None]:
        return self._alerts.page(wanted, await self.deliveries() if wanted.told else None)

    async def deliveries(self) -> Deliveries:
        """What became of alerts, by route."""
        return self._notifier.deliveries()

    def routes(self) -> list[JsonObject]:
        return self._notifier.routes()

    async def retry_alerts(self, route: str | None) -> int:
        return await self._notifier.retry(route)

    async def acknowledge_alert(self, agent: str | None, code: str, by: str) -> bool:
        return await self._hub.committer.acknowledge(agent or "", code, by)

    def linked_alerts(self, token: str) -> list[JsonObject] | None:
        return self._linked.of(token)

    async def acknowledge_linked(self, token: str) -> list[JsonObject] | None:
        return await self._linked.acknowledge(token)

    async def verified(self, agent: str, *, agrees: bool) -> bool:
        if not self._hub.roster.knows(agent):
            return False
        committer = self._hub.committer
        fact = Fact.ALERT_RESOLVED if agrees else Fact.ALERT_FIRING
        code = HubAlertCode.TELEMETRY_DISSENT
        dissent = Event(fact, agent, committer.now(), code, severity_of(code))
        await committer.write(events=[dissent])
        return True

    async def silence(self, wanted: SilenceRequest) -> str:
        return await self._quiet.begin(wanted)

    async def lift(self, silence: str) -> bool:
        return await self._quiet.end(silence)

    def silences(self) -> JsonObject:
        others = [one for one in self.lists.shown() if one.site and not one.alone]
        return self._quiet.listed([(one.site, one.hub.committer) for one in others])

    async def forecast(
        self, agent: str | None, group: str | None, cursor: int, limit: int
    ) -> JsonObject:
        found, at = self._capacity.list(Asked(agent, group)), self._capacity.computed_at
        more = len(found) > cursor + limit
        return {
            "forecasts": [one.as_dict() for one in found[cursor : cursor + limit]],
            "next": cursor + limit if more else None,
            "computed_at": None if at is None else timestamp(at),
            "whole": self._capacity.hours.is_whole and at is not None,
        }

    def audit(self) -> JsonObject:
        return {"reports": archive.recent(self._hub.settings.home)}

    def metrics(self, accept: str) -> tuple[bytes, str]:
        return self._exporter.expose(accept)

    def events(self, after: int | None, wanted: EventFilter) -> AsyncIterator[list[StreamEvent]]:
        return self._stream.listen(after, wanted)
