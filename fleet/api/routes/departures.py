"""Routes by which an agent leaves, or gets another name. Who is enrolled stays on the list of
agents, which lies in the home and is written there alone (`fleet agent`)."""

from __future__ import annotations

from http import HTTPStatus
from typing import Annotated, Any

from fastapi import APIRouter, Path, Query

from fleet.api.routes.messages import Hub, Operator
from fleet.api.schemas import AgentName, RenameBody
from fleet.contract.reserved import NAMES
from fleet.http.problems import HttpProblem
from fleet.tokens import Role

router = APIRouter(prefix="/v1", tags=["fleet"])
Named = Annotated[AgentName, Path(description="the agent's name")]


@router.delete("/agents/{name}")
async def forget(
    name: Named,
    hub: Hub,
    caller: Operator,
    history: Annotated[bool, Query(description="also erase what is stored; admins only")] = False,
) -> dict[str, Any]:
    """Forget an agent: retained messages, state, series, open commands, alerts, silences.

    The end of an alert that was told is told. `alive`: it spoke in time until now, so that its next
    message brings it back. Nobody of that name is no error: `known` is false.
    """
    if history and caller.role is not Role.ADMIN:
        raise HttpProblem(
            HTTPStatus.FORBIDDEN,
            f"the role {caller.role} may not erase history",
            "a token of role admin",
        )
    return await hub.forget(name, history=history)


@router.post("/agents/{name}/rename")
async def rename(name: Named, body: RenameBody, hub: Hub, _: Operator) -> dict[str, Any]:
    """Give history, state, acknowledgements and silences to another name. One that was heard
    already has its own state, and its history becomes one with the old name's."""
    if body.to == name or body.to in NAMES:
        raise HttpProblem(HTTPStatus.UNPROCESSABLE_ENTITY, "that is no new name for an agent")
    return await hub.rename(name, body.to)
