"""The composition root: a complete hub, and its services in the order in which they are started."""

from __future__ import annotations

import logging
import time
from collections.abc import Awaitable, Callable, Sequence
from functools import partial

from fleet.acl.self_check import SelfCheck
from fleet.api.hub_backend import HubBackend
from fleet.api.other_sites import OtherSites
from fleet.api.reading import read_beside
from fleet.api.server import ApiServer
from fleet.auditor.weekly import BusRecorder, WeeklyAudit
from fleet.bus.client_ids import HubBus
from fleet.capacity.watch import CapacityWatch
from fleet.certificate_watch import CertificateWatch
from fleet.commander.commander import Commander
from fleet.commander.departures import Departures
from fleet.commander.enrolment_sync import EnrolmentSync
from fleet.commander.followed import ToldCommands
from fleet.commander.late_wills import LateWills
from fleet.domain.alert_codes import AlertCodes
from fleet.domain.capacity.fleet_use import Rules
from fleet.domain.capacity.settings import rules_of
from fleet.domain.window_settings import windows_of
from fleet.domain.windows import Window
from fleet.failover.service import FailoverService
from fleet.hub.hub import Hub, Plug
from fleet.hub.leading import Leading
from fleet.hub.live_state import LiveState
from fleet.hub.maintenance_windows import MaintenanceWindows
from fleet.hub.repeated_receipts import RepeatedReceipts
from fleet.hub.service import Service
from fleet.metrics import hub_families
from fleet.metrics.collector import single
from fleet.metrics.exporter import Exporter
from fleet.notifier.dead_man import DeadMan, target_of
from fleet.notifier.notifier import Notifier
from fleet.notifier.routes import Route, routes_of
from fleet.otel.exporter import OpenTelemetry, endpoint_of
from fleet.provisioning.accounts_upkeep import AccountsUpkeep
from fleet.provisioning.mosquitto import may_share_ids
from fleet.rollouts.service import RolloutService
from fleet.settings import Settings
from fleet.sites.names import SiteNames
from fleet.sites.watch import SiteWatch
from fleet.store.open import hub_store
from fleet.work.offer_sender import OfferSender
from fleet.work.service import WorkService

_log = logging.getLogger(__name__)


async def _nothing() -> None:
    pass


def complete_hub(
    settings: Settings,
    *,
    trust_clock: bool = False,
    on_standby: Callable[[], Awaitable[None]] = _nothing,
    on_reading: Callable[[], None] = lambda: None,
) -> tuple[Hub, ApiServer]:
    """The hub that `fleet serve` runs, and its HTTP server, whose address is not yet taken.
    `trust_clock`: a person vouches for the clock of this machine. `on_standby`: told when the hub
    has to wait for another one, or for its store; `on_reading`: when it serves meanwhile.

    Raises:
        ConfigError: a table of the settings is not usable.
    """
    api_server = ApiServer(settings)
    windows = _windows_of(settings)
    rules = rules_of(settings.tables)
    services = plug(api_server, routes_of(settings), windows, rules)

    async def stand_by(leading: Leading) -> None:
        await on_standby()
        try:
            await read_beside(settings, api_server, leading, windows, on_reading)
        except Exception:  # noqa: BLE001 - a fault of reading must not keep it from leading
            _log.exception("this hub cannot serve what is stored, and says who leads alone")
            await api_server.stand_by(leading)

    hub = Hub(
        settings,
        hub_store(settings),
        services,
        bus=partial(HubBus, settings, looks=may_share_ids(settings)),
        trust_clock=trust_clock,
        standby=stand_by,
        asks=settings.store is None,
    )
    return hub, api_server


def _windows_of(settings: Settings) -> list[Window]:
    return windows_of(settings.tables, AlertCodes(settings.added_words()), time.time())


def plug(
    api_server: ApiServer,
    routes: Sequence[Route] = (),
    windows: Sequence[Window] = (),
    rules: Rules | None = None,
) -> Plug:
    """What `fleet serve` runs beside ingest: capture, commands, routes, metrics, HTTP, audit."""

    def build(hub: Hub) -> Sequence[Service]:
        commander = Commander(hub)
        notifier = Notifier(hub, routes)
        recorder, audit = BusRecorder(hub), WeeklyAudit(hub)
        offers = OfferSender(hub, lambda agent: bool(work.members.of(agent).kinds))
        work = WorkService.of(hub, hub.store.work, offers.tell)
        failover = FailoverService(hub, hub.store.pairs)
        rollouts = RolloutService.of(hub, work, commander)
        capacity = CapacityWatch(hub, rules or Rules())
        target = target_of(hub.settings)
        dead_man = (DeadMan(hub, target),) if target else ()
        extras = (
            notifier.metrics,
            recorder.metrics,
            audit.metrics,
            work.metrics,
            failover.metrics,
            rollouts.metrics,
            capacity.metrics,
            *(one.metrics for one in dead_man),
            lambda: (single(hub_families.VIEW_AGE, 0),),
        )
        leadership = hub.store.leadership
        sites = OtherSites(hub, leadership.sites if leadership else None)
        exporter = Exporter(hub, commander, (*extras, sites.metrics))
        departures = Departures(hub, commander)
        enrolments = EnrolmentSync(hub, commander, departures)
        maintenance = MaintenanceWindows(hub, windows)
        backend = HubBackend(
            hub, commander, exporter, departures, enrolments, notifier, maintenance, capacity
        )
        sites.serve(backend)
        enrolments.begin()
        requests = leadership.requests if leadership else None
        web = api_server.serve(backend, work, rollouts, failover, requests, sites.inside())
        commands = ToldCommands(commander)
        live = LiveState(hub, lambda: {"routes": notifier.routes(), **commands.as_dict()})
        check, certificates = SelfCheck(hub), CertificateWatch(hub)
        own = (
            recorder, commander, enrolments, notifier, exporter, offers, work, rollouts, failover,
            backend, web, check, audit, certificates, capacity, maintenance, AccountsUpkeep(hub),
            LateWills(hub), live, RepeatedReceipts(hub), sites, SiteNames(hub),
            SiteWatch(hub, sites), *dead_man,
        )  # fmt: skip
        endpoint = endpoint_of(hub.settings)
        return (*own, OpenTelemetry(hub, commander, exporter, endpoint)) if endpoint else own

    return build
