"""Routes of failover: pairs, who is active in them, and the change by an operator's word."""

from __future__ import annotations

from http import HTTPStatus
from typing import Annotated, Any

from fastapi import APIRouter, Depends, Path, Request
from pydantic import Field

from fleet.api.auth import allow
from fleet.api.routes.messages import Operator
from fleet.api.schemas import AgentName
from fleet.contract.fields import PairName, Shape
from fleet.failover.service import FailoverService
from fleet.http.auth import READERS
from fleet.http.problems import HttpProblem

router = APIRouter(prefix="/v1/pairs", tags=["failover"])


class PairBody(Shape):
    """Two agents of which one is active."""

    name: Annotated[PairName, Field(description="what the pair is called")]
    active: Annotated[AgentName, Field(description="the agent that is active")]
    standby: Annotated[AgentName, Field(description="the agent that stands by")]
    auto: Annotated[bool, Field(description="whether it fails over by itself")] = False


class FailoverBody(Shape):
    """That the standby is to become active."""

    stopped: Annotated[
        bool, Field(description="a person vouches that the active agent is stopped")
    ] = False


async def failover_of(request: Request) -> FailoverService:
    """
    Raises:
        HttpProblem: 503, this application has none.
    """
    found: FailoverService | None = request.app.state.failover
    if found is None:
        raise HttpProblem(HTTPStatus.SERVICE_UNAVAILABLE, "this hub has no failover", "fleet serve")
    return found


Failover = Annotated[FailoverService, Depends(failover_of)]
Name = Annotated[PairName, Path(description="the pair's name")]
MayRead = Depends(allow(*READERS))


@router.get("", dependencies=[MayRead])
async def pairs(failover: Failover) -> dict[str, Any]:
    """Every pair: its phase, its epoch, and what its agents are and say."""
    return {"pairs": failover.all()}


@router.post("", status_code=HTTPStatus.CREATED)
async def create(body: PairBody, failover: Failover, _: Operator) -> dict[str, Any]:
    """Make a pair; from its agents' next heartbeats on they get leases."""
    return await failover.create(body.name, body.active, body.standby, auto=body.auto)


@router.get("/{name}", dependencies=[MayRead])
async def pair(name: Name, failover: Failover) -> dict[str, Any]:
    """One pair."""
    return failover.described(name)


@router.delete("/{name}")
async def remove(name: Name, failover: Failover, _: Operator) -> dict[str, Any]:
    """End a pair: leases run out, and who fences itself lays down."""
    return await failover.remove(name)


@router.post("/{name}/failover")
async def change(name: Name, body: FailoverBody, failover: Failover, _: Operator) -> dict[str, Any]:
    """Make the standby active, once the active agent has laid down."""
    return await failover.failover(name, stopped=body.stopped)
