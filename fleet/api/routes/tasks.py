"""Routes of tasks: submit, see, claim, end, decide. Ids, states and digests; no content."""

from __future__ import annotations

from http import HTTPStatus
from typing import Annotated, Any

from fastapi import APIRouter, Depends, Path, Query, Response

from fleet.api.routes.work import Deciding, Looking, Submitting, Work, Working
from fleet.api.schemas import MAX_LISTED, AgentName
from fleet.api.work_schemas import (
    ENDS,
    ApproveBody,
    CompleteBody,
    FailBody,
    Group,
    InputBody,
    RenewBody,
    TaskBody,
    described_task,
    values,
)
from fleet.contract.fields import Ulid
from fleet.contract.work_vocabulary import TaskState
from fleet.domain.work.task import Task
from fleet.http.problems import HttpProblem
from fleet.work.requests import End, TaskFilter

router = APIRouter(prefix="/v1/tasks", tags=["work"])

Id = Annotated[Ulid, Path(alias="id", description="the task's id")]
Limit = Annotated[int, Query(ge=1, le=MAX_LISTED)]


@router.post("", status_code=HTTPStatus.CREATED)
async def submit(
    body: TaskBody, work: Work, caller: Submitting, response: Response
) -> dict[str, Any]:
    """Submit a task: 201; 200 where the same was submitted before. For another group than an
    agent's own it waits for a person."""
    task, is_new = await work.tasks.submit(caller, body.value())
    if not is_new:
        response.status_code = HTTPStatus.OK
    response.headers["Location"] = f"/v1/tasks/{task.id}"
    return described_task(task)


async def filtered(
    state: Annotated[list[TaskState] | None, Query(description="in one of these states")] = None,
    group: Annotated[Group | None, Query(description="of this group")] = None,
    context: Annotated[Ulid | None, Query(description="of this session")] = None,
    agent: Annotated[AgentName | None, Query(description="for it, or held by it")] = None,
    cursor: Annotated[str | None, Query(max_length=64, pattern=r"^[0-9A-Za-z_.:-]+$")] = None,
    limit: Limit = 100,
) -> TaskFilter:
    """Which tasks a list is about."""
    return TaskFilter(group, context, agent, frozenset(state or ()), cursor, limit)


@router.get("")
async def tasks(
    work: Work,
    caller: Looking,
    wanted: Annotated[TaskFilter, Depends(filtered)],
    offered: Annotated[bool, Query(description="what the calling agent could claim now")] = False,
    untold: Annotated[bool, Query(description="the caller's, ended, not acknowledged")] = False,
) -> dict[str, Any]:
    """Tasks, newest first, a page at a time: an agent's are those of its group. People are also
    told how many there are in each open state, as counted some seconds ago."""
    if offered and untold:
        raise HttpProblem(HTTPStatus.UNPROCESSABLE_ENTITY, "ask for offered or for untold")
    if offered:
        return _page(await work.tasks.offered(caller, wanted.limit))
    if untold:
        return _page(await work.tasks.untold(caller, wanted.limit))
    try:
        page = await work.tasks.tasks(caller, wanted)
    except ValueError:
        raise HttpProblem(
            HTTPStatus.UNPROCESSABLE_ENTITY, "this cursor is not one of ours", "leave cursor out"
        ) from None
    answer = _page(page.tasks, page.next)
    return answer if caller.member else answer | {"counts": work.open_counts()}


@router.get("/{id}")
async def task(task_id: Id, work: Work, caller: Looking) -> dict[str, Any]:
    """One task."""
    return described_task(await work.tasks.get(caller, task_id))


@router.post("/{id}/claim")
async def claim(task_id: Id, work: Work, caller: Working) -> dict[str, Any]:
    """Lease the next task of this one's kind: what was offered, or what is more urgent; the answer
    says which. `grant` says which content and board may be read, until when."""
    claimed = await work.tasks.claim(caller, task_id)
    answer = described_task(claimed)
    grant = {
        "digests": [one.digest for one in claimed.input],
        "board": claimed.context,
        "until": answer["lease_until"],
    }
    return {"task": answer, "grant": grant}


@router.post("/{id}/renew")
async def renew(task_id: Id, body: RenewBody, work: Work, caller: Working) -> dict[str, Any]:
    """The worker goes on: the lease is longer. With `cancel` it is not: end the worker."""
    task = await work.tasks.renew(caller, task_id, body.epoch, body.progress, result=body.result)
    return described_task(task)


@router.post("/{id}/complete")
async def complete(task_id: Id, body: CompleteBody, work: Work, caller: Working) -> dict[str, Any]:
    """The work is done; each output is stored, and its digest was verified."""
    end = End(body.epoch, TaskState.COMPLETED, values(body.output))
    return described_task(await work.tasks.finish(caller, task_id, end))


@router.post("/{id}/fail")
async def fail(task_id: Id, body: FailBody, work: Work, caller: Working) -> dict[str, Any]:
    """The attempt is over without a result, or asks for more; what another attempt may mend is
    submitted again."""
    if body.state not in ENDS:
        allowed = ", ".join(ENDS)
        raise HttpProblem(
            HTTPStatus.UNPROCESSABLE_ENTITY,
            f"an attempt does not end as {body.state}",
            f'"state": one of {allowed}; POST …/complete for a result',
        )
    end = End(body.epoch, body.state, values(body.output), body.reason)
    return described_task(await work.tasks.finish(caller, task_id, end))


@router.post("/{id}/cancel")
async def cancel(task_id: Id, work: Work, caller: Submitting) -> dict[str, Any]:
    """Call a task off: at once if nobody works at it, else when its worker has ended."""
    return described_task(await work.tasks.cancel(caller, task_id))


@router.post("/{id}/input")
async def give_input(
    task_id: Id, body: InputBody, work: Work, caller: Submitting
) -> dict[str, Any]:
    """Answer a task that is `input-required`; it is submitted again."""
    return described_task(await work.tasks.give_input(caller, task_id, values(body.input)))


@router.post("/{id}/acknowledge")
async def acknowledge(task_id: Id, work: Work, caller: Submitting) -> dict[str, Any]:
    """The submitter knows how its task ended."""
    return described_task(await work.tasks.acknowledge(caller, task_id))


@router.post("/{id}/approve")
async def approve(
    task_id: Id, work: Work, _: Deciding, body: ApproveBody | None = None
) -> dict[str, Any]:
    """Let a task for another group begin, with copies of what it works on; or refuse it."""
    approved = body is None or body.approved
    return described_task(await work.tasks.approve(task_id, approved))


@router.post("/{id}/retry")
async def retry(task_id: Id, work: Work, _: Deciding) -> dict[str, Any]:
    """Give a task that ended badly another life."""
    return described_task(await work.tasks.retry(task_id))


def _page(found: list[Task], following: str | None = None) -> dict[str, Any]:
    return {"tasks": [described_task(one) for one in found], "next": following}
