"""The services of a complete hub, in the order in which they are started."""

from __future__ import annotations

from collections.abc import Sequence

from fleet.commander.service import Commander
from fleet.enrolments import Enrolments
from fleet.exporter.service import Exporter
from fleet.gateway.hub_backend import HubBackend
from fleet.gateway.service import Gateway
from fleet.hub import Hub, Plug, Service
from fleet.notifier.routes import Route
from fleet.notifier.service import Notifier
from fleet.self_check import SelfCheck


def plug(gateway: Gateway, routes: Sequence[Route] = ()) -> Plug:
    """What `fleet serve` runs beside ingest: commands, alert routes, metrics and HTTP."""

    def build(hub: Hub) -> Sequence[Service]:
        commander = Commander(hub)
        notifier = Notifier(hub, routes)
        exporter = Exporter(hub, commander, (notifier.metrics,))
        backend = HubBackend(hub, commander, exporter)
        enrolments = Enrolments(hub, commander)
        web = gateway.serve(backend)
        return (commander, enrolments, notifier, exporter, backend, web, SelfCheck(hub))

    return build
