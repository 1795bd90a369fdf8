"""Server-sent events: what happens in the fleet, resumable by id."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator
from typing import Annotated

from fastapi import APIRouter, Header
from sse_starlette import EventSourceResponse, ServerSentEvent

from fleet.gateway.backend import Backend
from fleet.gateway.messages import Hub
from fleet.gateway.readings import Reader

router = APIRouter(prefix="/v1", tags=["fleet"])


@router.get("/events", response_class=EventSourceResponse)
async def events(
    hub: Hub,
    _: Reader,
    last_event_id: Annotated[str | None, Header()] = None,
    after: int | None = None,
) -> EventSourceResponse:
    """Bus events and alerts as they come; `Last-Event-ID` (or `after`) resumes without a gap."""
    resume = int(last_event_id) if last_event_id and last_event_id.isdecimal() else after
    return EventSourceResponse(_stream(hub, resume), ping=15, send_timeout=30)


async def _stream(hub: Backend, after: int | None) -> AsyncIterator[ServerSentEvent]:
    async for event in hub.events(after):
        data = json.dumps(event.data, separators=(",", ":"))
        yield ServerSentEvent(data, id=str(event.id), event=event.name)
