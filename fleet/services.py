"""The services of a complete hub, in the order in which they are started."""

from __future__ import annotations

from collections.abc import Sequence

from fleet.commander.service import Commander
from fleet.enrolments import Enrolments
from fleet.exporter.service import Exporter
from fleet.gateway.hub_backend import HubBackend
from fleet.gateway.service import Gateway
from fleet.hub import Hub, Plug, Service
from fleet.self_check import SelfCheck


def plug(gateway: Gateway) -> Plug:
    """What `fleet serve` runs beside ingest: commands, metrics, events and HTTP."""

    def build(hub: Hub) -> Sequence[Service]:
        commander = Commander(hub)
        exporter = Exporter(hub, commander)
        backend = HubBackend(hub, commander, exporter)
        enrolments = Enrolments(hub, commander)
        return (commander, enrolments, exporter, backend, gateway.serve(backend), SelfCheck(hub))

    return build
