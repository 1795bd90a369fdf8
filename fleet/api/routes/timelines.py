"""The route of agents' past at a glance, for the rows that somebody looks at."""

from __future__ import annotations

from typing import Annotated, Any

from fastapi import APIRouter, Query

from fleet.api.routes.fleet import Reader
from fleet.api.routes.messages import Hub
from fleet.api.schemas import MAX_SHOWN, AgentName
from fleet.contract import patterns

router = APIRouter(prefix="/v1", tags=["fleet"])
Metric = Annotated[str, Query(pattern=patterns.anchored(patterns.METRIC))]


@router.get("/beats")
async def beats(
    hub: Hub,
    _: Reader,
    agent: Annotated[list[AgentName], Query(min_length=1, max_length=MAX_SHOWN)],
    metric: Metric | None = None,
) -> dict[str, Any]:
    """The last 40 intervals of each agent named, a word each; for how many of the known seconds of
    24 h, 7 d and 30 d it was heard in time; and `metric` by full hours of two days.

    Time in which the hub did not listen is not known, and counts neither way.
    """
    return await hub.beats(agent, metric)
