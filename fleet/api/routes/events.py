"""Server-sent events: what happens in the fleet, resumable by id."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Annotated

from fastapi import APIRouter, Header, Query
from sse_starlette import EventSourceResponse

from fleet.api.backend import Backend
from fleet.api.event_stream import EventFilter, EventName
from fleet.api.routes.fleet import Reader
from fleet.api.routes.messages import Hub
from fleet.api.schemas import AgentName
from fleet.contract.vocabulary import MessageKind

router = APIRouter(prefix="/v1", tags=["fleet"])


@router.get("/events", response_class=EventSourceResponse)
async def events(
    hub: Hub,
    _: Reader,
    last_event_id: Annotated[str | None, Header()] = None,
    after: int | None = None,
    only: Annotated[list[EventName] | None, Query(description="what they are about")] = None,
    kind: Annotated[MessageKind | None, Query(description="messages of this kind")] = None,
    agent: Annotated[AgentName | None, Query(description="about this agent")] = None,
) -> EventSourceResponse:
    """Bus events and alerts as they come; `Last-Event-ID` (or `after`) resumes without a gap."""
    resume = int(last_event_id) if last_event_id and last_event_id.isdecimal() else after
    wanted = EventFilter(frozenset(only or ()), kind, agent)
    return EventSourceResponse(_stream(hub, resume, wanted), ping=15, send_timeout=30)


async def _stream(hub: Backend, after: int | None, wanted: EventFilter) -> AsyncIterator[bytes]:
    async for batch in hub.events(after, wanted):
        yield b"".join([event.encoded() for event in batch])
