"""The composition root: a complete hub, and its services in the order in which they are started."""

from __future__ import annotations

from collections.abc import Sequence

from fleet.acl.self_check import SelfCheck
from fleet.api.hub_backend import HubBackend
from fleet.api.server import ApiServer
from fleet.auditor.weekly import BusRecorder, WeeklyAudit
from fleet.commander.commander import Commander
from fleet.commander.enrolment_sync import EnrolmentSync
from fleet.hub.hub import Hub, Plug, Service
from fleet.metrics.exporter import Exporter
from fleet.notifier.notifier import Notifier
from fleet.notifier.routes import Route, routes_of
from fleet.otel.exporter import OpenTelemetry, endpoint_of
from fleet.settings import Settings
from fleet.store.open import hub_store


def complete_hub(settings: Settings) -> tuple[Hub, ApiServer]:
    """The hub that `fleet serve` runs, and its HTTP server, whose address is not yet taken.

    Raises:
        ConfigError: a table of the settings is not usable.
    """
    api_server = ApiServer(settings)
    return Hub(settings, hub_store(settings), plug(api_server, routes_of(settings))), api_server


def plug(api_server: ApiServer, routes: Sequence[Route] = ()) -> Plug:
    """What `fleet serve` runs beside ingest: capture, commands, routes, metrics, HTTP, audit."""

    def build(hub: Hub) -> Sequence[Service]:
        commander = Commander(hub)
        notifier = Notifier(hub, routes)
        recorder, audit = BusRecorder(hub), WeeklyAudit(hub)
        extras = (notifier.metrics, recorder.metrics, audit.metrics)
        exporter = Exporter(hub, commander, extras)
        backend = HubBackend(hub, commander, exporter)
        enrolments = EnrolmentSync(hub, commander)
        web = api_server.serve(backend)
        check = SelfCheck(hub)
        own = (recorder, commander, enrolments, notifier, exporter, backend, web, check, audit)
        endpoint = endpoint_of(hub.settings)
        return (*own, OpenTelemetry(hub, commander, exporter, endpoint)) if endpoint else own

    return build
