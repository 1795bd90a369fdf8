"""Server-sent events: what happens in the fleet, resumable by id."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Annotated, Final

from fastapi import APIRouter, Header, Query, Request
from sse_starlette import EventSourceResponse

from fleet.api.auth import session_id
from fleet.api.event_stream import EventFilter, EventName, StreamEvent
from fleet.api.routes.fleet import Reader
from fleet.api.routes.messages import Hub
from fleet.api.schemas import AgentName
from fleet.contract.vocabulary import MessageKind
from fleet.http.listeners import Listeners
from fleet.http.revocations import Revocations, until

MAX_DIGITS: Final = 18
"""Of an event's id: one that the store can hold."""

router = APIRouter(prefix="/v1", tags=["fleet"])


@router.get("/events", response_class=EventSourceResponse)
async def events(
    request: Request,
    hub: Hub,
    reader: Reader,
    last_event_id: Annotated[str | None, Header()] = None,
    after: Annotated[int | None, Query(ge=0, lt=10**MAX_DIGITS)] = None,
    only: Annotated[list[EventName] | None, Query(description="what they are about")] = None,
    kind: Annotated[MessageKind | None, Query(description="messages of this kind")] = None,
    agent: Annotated[AgentName | None, Query(description="about this agent")] = None,
) -> EventSourceResponse:
    """Bus events and alerts as they come; `Last-Event-ID` (or `after`) resumes without a gap.

    The stream ends with its token, or its session.
    """
    listeners: Listeners = request.app.state.listeners
    listeners.check(reader.id)
    told = last_event_id or ""
    resume = int(told) if told.isdecimal() and len(told) <= MAX_DIGITS else after
    wanted = EventFilter(frozenset(only or ()), kind, agent)
    revocations: Revocations = request.app.state.revocations
    held_by = session_id(request) or reader.id
    stream = _stream(hub.events(resume, wanted), listeners, revocations, reader.id, held_by)
    return EventSourceResponse(stream, ping=15, send_timeout=30)


async def _stream(
    events: AsyncIterator[list[StreamEvent]],
    listeners: Listeners,
    revocations: Revocations,
    bearer: str,
    held_by: str,
) -> AsyncIterator[bytes]:
    if listeners.is_full(bearer):
        return  # many were let in before the first of them counted; who comes back is told 429
    with listeners.listening(bearer), revocations.watch(held_by) as revoked:
        async for batch in until(events, revoked):
            yield b"".join([event.encoded() for event in batch])
