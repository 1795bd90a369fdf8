"""What the routes of work share: who asks, and how a refusal is told."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from http import HTTPStatus
from typing import Annotated, Final

from fastapi import Depends, Request
from starlette.responses import Response

from fleet.api.auth import allow
from fleet.domain.work.errors import WorkError
from fleet.http.auth import EVERYONE
from fleet.http.problems import HttpProblem
from fleet.tokens import Principal
from fleet.work.blob_errors import (
    BlobError,
    DiskFullError,
    MismatchError,
    NoSuchBlobError,
    OffsetError,
    OverQuotaError,
    TooLargeError,
)
from fleet.work.caller import Act, Caller
from fleet.work.service import WorkService

STATUSES: Final[tuple[tuple[type[BlobError], HTTPStatus, str], ...]] = (
    (NoSuchBlobError, HTTPStatus.NOT_FOUND, "unknown-blob"),
    (TooLargeError, HTTPStatus.REQUEST_ENTITY_TOO_LARGE, "too-large"),
    (OverQuotaError, HTTPStatus.INSUFFICIENT_STORAGE, "over-quota"),
    (DiskFullError, HTTPStatus.INSUFFICIENT_STORAGE, "disk-full"),
    (OffsetError, HTTPStatus.REQUESTED_RANGE_NOT_SATISFIABLE, "offset"),
    (MismatchError, HTTPStatus.UNPROCESSABLE_ENTITY, "digest-mismatch"),
)

WAIT_FOR_QUEUE: Final = "5"
"""Seconds after which a caller that was told 429 asks again."""


async def work_of(request: Request) -> WorkService:
    """The work behind this application.

    Raises:
        HttpProblem: 503, it has none.
    """
    work: WorkService | None = request.app.state.work
    if work is None:
        raise HttpProblem(HTTPStatus.SERVICE_UNAVAILABLE, "this hub serves no work", "fleet serve")
    return work


Work = Annotated[WorkService, Depends(work_of)]


def who(act: Act) -> Callable[..., Awaitable[Caller]]:
    """A dependency that lets pass whose role may do such a thing, and hands the caller on."""

    async def check(
        principal: Annotated[Principal, Depends(allow(*EVERYONE))], work: Work
    ) -> Caller:
        return work.caller(principal, act)

    return check


Looking = Annotated[Caller, Depends(who(Act.LOOK))]
Submitting = Annotated[Caller, Depends(who(Act.SUBMIT))]
Working = Annotated[Caller, Depends(who(Act.WORK))]
Deciding = Annotated[Caller, Depends(who(Act.DECIDE))]
WithContent = Annotated[Caller, Depends(who(Act.CONTENT))]


async def on_work_error(_: Request, error: Exception) -> Response:
    """What the rules or the store of work refuse, with a word for programs."""
    assert isinstance(error, WorkError)  # noqa: S101 - registered for this class only
    status = HTTPStatus(error.status)
    headers = {"Retry-After": WAIT_FOR_QUEUE} if status is HTTPStatus.TOO_MANY_REQUESTS else None
    extra = {"code": error.code}
    return HttpProblem(status, _detail(error), error.remedy, headers=headers, **extra).response()


async def on_blob_error(_: Request, error: Exception) -> Response:
    """Why a content is not taken or given."""
    assert isinstance(error, BlobError)  # noqa: S101 - as above
    status, code = next(
        (status, code) for kind, status, code in STATUSES if isinstance(error, kind)
    )
    problem = HttpProblem(status, _detail(error), error.remedy, code=code)
    if isinstance(error, OffsetError):
        problem.extra["offset"] = error.offset
    return problem.response()


def _detail(error: WorkError | BlobError) -> str:
    return f"{error.what}: {error.why}" if error.why else error.what
