"""Routes for machines that watch the hub itself: liveness, readiness, metrics."""

from __future__ import annotations

import ipaddress
from http import HTTPStatus
from typing import Annotated, Final

from fastapi import APIRouter, Header, Request, Response
from starlette.responses import JSONResponse

from fleet.api.auth import allow
from fleet.api.routes.messages import Hub
from fleet.http.auth import SCRAPERS

FORWARDED: Final = ("forwarded", "x-forwarded-for", "x-real-ip", "via")
"""Headers of a request that somebody else passes on."""

router = APIRouter(tags=["operations"])


@router.get("/healthz")
async def healthz() -> dict[str, str]:
    """The process answers."""
    return {"status": "ok"}


@router.get("/readyz")
async def readyz(hub: Hub) -> JSONResponse:
    """The hub can do its work: linked to the broker, store writable."""
    state = hub.ready()
    status = HTTPStatus.OK if state.get("ready") else HTTPStatus.SERVICE_UNAVAILABLE
    return JSONResponse(state, status.value)


@router.get("/metrics", response_class=Response)
async def metrics(request: Request, hub: Hub, accept: Annotated[str, Header()] = "") -> Response:
    """Prometheus or OpenMetrics text, as negotiated.

    With a token of the role `scraper`, or a reader's: numbers are an agent's own, and it may pack
    what it likes into them, for another user of this machine to read. `open_metrics` lets in
    callers on this machine without one, though nobody who comes through a proxy.
    """
    if not (request.app.state.open_metrics and _is_local(request)):
        await allow(*SCRAPERS)(request)
    body, content_type = hub.metrics(accept)
    return Response(body, headers={"Content-Type": content_type})


def _is_local(request: Request) -> bool:
    """Whether it was asked on this machine: a proxy that runs here asks for others."""
    if request.client is None or any(header in request.headers for header in FORWARDED):
        return False
    try:
        return ipaddress.ip_address(request.client.host).is_loopback
    except ValueError:
        return False
