"""The route of names of agents: what a shell completes, and whom a command may mean."""

from __future__ import annotations

from typing import Annotated, Any

from fastapi import APIRouter, Query, Response

from fleet.api.cooperative import as_json
from fleet.api.name_list import NameQuery
from fleet.api.routes.fleet import Reader
from fleet.api.routes.messages import Hub
from fleet.api.schemas import MAX_LISTED, MAX_TEXT

router = APIRouter(prefix="/v1", tags=["fleet"])


@router.get("/names", response_model=dict[str, Any])
async def names(
    hub: Hub,
    _: Reader,
    prefix: Annotated[str, Query(max_length=MAX_TEXT, description="how they begin")] = "",
    limit: Annotated[int | None, Query(ge=2, le=MAX_LISTED, description="absent: all")] = None,
    own: Annotated[bool, Query(description="of the hub's own site alone")] = False,
    enrolled: Annotated[bool, Query(description="those on the list of agents alone")] = False,
) -> Response:
    """Names of agents alone, in order, and how many there are in `total`: of everybody who was
    heard of or is enrolled. Of more than `limit` the first ones and the last one, so that all begin
    with what these begin with. `listed` says whether anybody keeps a list of who is enrolled.
    """
    told = hub.names(NameQuery(prefix, limit, own, enrolled))
    return Response(as_json(told), media_type="application/json")
