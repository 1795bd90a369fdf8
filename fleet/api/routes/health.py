"""Routes for machines that watch the hub itself: liveness, readiness, metrics."""

from __future__ import annotations

import ipaddress
from http import HTTPStatus
from typing import Annotated

from fastapi import APIRouter, Header, Request, Response
from starlette.responses import JSONResponse

from fleet.api.auth import allow
from fleet.api.routes.messages import Hub
from fleet.http.auth import READERS

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

    Open to callers on this machine; others bear a viewer's token, since agents' names may tell
    who the clients are.
    """
    if request.client is None or not _is_loopback(request.client.host):
        await allow(*READERS)(request)
    body, content_type = hub.metrics(accept)
    return Response(body, headers={"Content-Type": content_type})


def _is_loopback(host: str) -> bool:
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False
