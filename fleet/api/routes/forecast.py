"""The route of capacity: what the hub's last round found."""

from __future__ import annotations

from typing import Annotated, Any

from fastapi import APIRouter, Query

from fleet.api.routes.fleet import Limit, Reader
from fleet.api.routes.messages import Hub
from fleet.api.schemas import AgentName

router = APIRouter(prefix="/v1", tags=["fleet"])


@router.get("/forecast")
async def forecast(
    hub: Hub,
    _: Reader,
    agent: AgentName | None = None,
    group: Annotated[str | None, Query(max_length=64, description="of this group")] = None,
    cursor: Annotated[int, Query(ge=0, description="`next` of the page before")] = 0,
    limit: Limit = 100,
) -> dict[str, Any]:
    """When room, tokens and limits run out, the soonest end first; computed every five minutes.

    `whole` is false while a hub that was just started reads the hours of the last weeks.
    """
    return await hub.forecast(agent, group, cursor, limit)
