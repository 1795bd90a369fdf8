"""Routes of rollouts: make one, see it, say how it goes on. For people: they go over groups."""

from __future__ import annotations

from http import HTTPStatus
from typing import Annotated, Any

from fastapi import APIRouter, Depends, Path, Query, Request, Response

from fleet.api.auth import allow
from fleet.api.rollout_schemas import AbortBody, RolloutBody, described, planned, summary
from fleet.api.routes.work import Deciding
from fleet.api.schemas import MAX_LISTED
from fleet.contract.fields import Ulid
from fleet.domain.rollout.states import RolloutStep
from fleet.http.auth import READERS
from fleet.http.problems import HttpProblem
from fleet.rollouts.service import RolloutService
from fleet.store.rollout_port import Whole
from fleet.tokens import Principal

router = APIRouter(prefix="/v1/rollouts", tags=["rollouts"])

Reader = Annotated[Principal, Depends(allow(*READERS))]
Id = Annotated[Ulid, Path(alias="id", description="the rollout's id")]


async def rollouts_of(request: Request) -> RolloutService:
    """
    Raises:
        HttpProblem: 503, this application has none.
    """
    found: RolloutService | None = request.app.state.rollouts
    if found is None:
        why = "this hub carries out no rollouts"
        raise HttpProblem(HTTPStatus.SERVICE_UNAVAILABLE, why, "fleet serve")
    return found


Rollouts = Annotated[RolloutService, Depends(rollouts_of)]


def _shown(rollouts: RolloutService, whole: Whole) -> dict[str, Any]:
    return described(whole, rollouts.looks(whole))


@router.post("", status_code=HTTPStatus.CREATED)
async def create(
    body: RolloutBody, rollouts: Rollouts, caller: Deciding, response: Response
) -> dict[str, Any]:
    """Make a draft: 201; 200 where the same was made before, and for `dry_run`, which keeps
    nothing. The answer says who takes part, from which version, and who does not."""
    if body.dry_run:
        response.status_code = HTTPStatus.OK
        plan = await rollouts.plan(body.id, body.plan(), body.wanted(), caller.by)
        return planned(plan, rollouts.looks(plan.whole))
    found, is_new = await rollouts.create(body.id, body.plan(), body.wanted(), caller.by)
    if not is_new:
        response.status_code = HTTPStatus.OK
    response.headers["Location"] = f"/v1/rollouts/{body.id}"
    return planned(found, rollouts.looks(found.whole))


@router.get("")
async def list_(
    rollouts: Rollouts, _: Reader, limit: Annotated[int, Query(ge=1, le=MAX_LISTED)] = 100
) -> dict[str, Any]:
    """Rollouts, newest first, without their agents."""
    return {"rollouts": [summary(one) for one in await rollouts.store.rollouts(limit)]}


@router.get("/{id}")
async def show(rollout: Id, rollouts: Rollouts, _: Reader) -> dict[str, Any]:
    """One rollout, with its agents."""
    return _shown(rollouts, await rollouts.store.get(rollout))


@router.post("/{id}/start")
async def start(rollout: Id, rollouts: Rollouts, _: Deciding) -> dict[str, Any]:
    """Open its first wave."""
    return _shown(rollouts, await rollouts.step(rollout, RolloutStep.START))


@router.post("/{id}/pause")
async def pause(rollout: Id, rollouts: Rollouts, _: Deciding) -> dict[str, Any]:
    """Ask nobody new; what was begun goes on."""
    return _shown(rollouts, await rollouts.step(rollout, RolloutStep.PAUSE))


@router.post("/{id}/resume")
async def resume(rollout: Id, rollouts: Rollouts, _: Deciding) -> dict[str, Any]:
    """Go on."""
    return _shown(rollouts, await rollouts.step(rollout, RolloutStep.RESUME))


@router.post("/{id}/abort")
async def abort(
    rollout: Id, rollouts: Rollouts, _: Deciding, body: AbortBody | None = None
) -> dict[str, Any]:
    """End it: the rest stays untouched."""
    how = body.on_abort if body else None
    return _shown(rollouts, await rollouts.step(rollout, RolloutStep.ABORT, how))


@router.post("/{id}/rollback")
async def rollback(rollout: Id, rollouts: Rollouts, _: Deciding) -> dict[str, Any]:
    """End it, and take back what it changed; ways back that failed are tried again."""
    return _shown(rollouts, await rollouts.step(rollout, RolloutStep.ROLL_BACK))
