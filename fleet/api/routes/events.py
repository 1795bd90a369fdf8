"""Server-sent events: what happens in the fleet, resumable by id."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Annotated

from fastapi import APIRouter, Header, Query, Request
from sse_starlette import EventSourceResponse

from fleet.api.event_stream import EventFilter, EventName, StreamEvent
from fleet.api.listeners import Listeners
from fleet.api.routes.fleet import Reader
from fleet.api.routes.messages import Hub
from fleet.api.schemas import AgentName
from fleet.contract.vocabulary import MessageKind

router = APIRouter(prefix="/v1", tags=["fleet"])


@router.get("/events", response_class=EventSourceResponse)
async def events(
    request: Request,
    hub: Hub,
    reader: Reader,
    last_event_id: Annotated[str | None, Header()] = None,
    after: int | None = None,
    only: Annotated[list[EventName] | None, Query(description="what they are about")] = None,
    kind: Annotated[MessageKind | None, Query(description="messages of this kind")] = None,
    agent: Annotated[AgentName | None, Query(description="about this agent")] = None,
) -> EventSourceResponse:
    """Bus events and alerts as they come; `Last-Event-ID` (or `after`) resumes without a gap."""
    listeners: Listeners = request.app.state.listeners
    listeners.check(reader.id)
    resume = int(last_event_id) if last_event_id and last_event_id.isdecimal() else after
    wanted = EventFilter(frozenset(only or ()), kind, agent)
    stream = _stream(hub.events(resume, wanted), listeners, reader.id)
    return EventSourceResponse(stream, ping=15, send_timeout=30)


async def _stream(
    events: AsyncIterator[list[StreamEvent]], listeners: Listeners, bearer: str
) -> AsyncIterator[bytes]:
    with listeners.listening(bearer):
        async for batch in events:
            yield b"".join([event.encoded() for event in batch])
