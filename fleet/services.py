"""The services of a complete hub, in the order in which they are started."""

from __future__ import annotations

from collections.abc import Sequence

from fleet.auditor.service import AuditService, Recorder
from fleet.commander.service import Commander
from fleet.enrolments import Enrolments
from fleet.exporter.service import Exporter
from fleet.gateway.hub_backend import HubBackend
from fleet.gateway.service import Gateway
from fleet.hub import Hub, Plug, Service
from fleet.notifier.routes import Route
from fleet.notifier.service import Notifier
from fleet.otel.service import OpenTelemetry, endpoint_of
from fleet.self_check import SelfCheck


def plug(gateway: Gateway, routes: Sequence[Route] = ()) -> Plug:
    """What `fleet serve` runs beside ingest: capture, commands, routes, metrics, HTTP, audit."""

    def build(hub: Hub) -> Sequence[Service]:
        commander = Commander(hub)
        notifier = Notifier(hub, routes)
        recorder, audit = Recorder(hub), AuditService(hub)
        extras = (notifier.metrics, recorder.metrics, audit.metrics)
        exporter = Exporter(hub, commander, extras)
        backend = HubBackend(hub, commander, exporter)
        enrolments = Enrolments(hub, commander)
        web = gateway.serve(backend)
        check = SelfCheck(hub)
        own = (recorder, commander, enrolments, notifier, exporter, backend, web, check, audit)
        endpoint = endpoint_of(hub.settings)
        return (*own, OpenTelemetry(hub, commander, exporter, endpoint)) if endpoint else own

    return build
