"""Routes of content: streamed to and from files, verified, bounded; given to those who may read it.

What is given is bytes to be saved, whatever they are: no browser shows them as a page of the hub's.
"""

from __future__ import annotations

import asyncio
import os
import re
from collections.abc import AsyncIterator
from http import HTTPStatus
from typing import Annotated, Any, Final, NamedTuple

from fastapi import APIRouter, Depends, Header, Path, Query, Request, Response
from fastapi.responses import StreamingResponse

from fleet.api.routes.work import WithContent, Work
from fleet.api.schemas import AgentName
from fleet.api.work_schemas import Group
from fleet.contract.fields import Digest, Ulid
from fleet.http.patience import allow_time
from fleet.http.problems import HttpProblem
from fleet.work.errors import ForeignGroupError

router = APIRouter(prefix="/v1/blobs", tags=["work"])

Named = Annotated[Digest, Path(description="what the content's SHA-256 is")]
Context = Annotated[Ulid, Query(description="the session that it belongs to")]

BLOCK: Final = 512 * 1024
"""Bytes that are read and sent at a time."""

SLOWEST: Final = 32 * 1024
"""Bytes a second that an upload must bring at least: 64 MiB take half an hour on a bad link."""

HEADERS: Final = {
    "Accept-Ranges": "bytes",
    "Content-Disposition": "attachment",
    "Content-Type": "application/octet-stream",
}
_CONTENT_RANGE: Final = re.compile(
    r"bytes (?:([0-9]{1,15})-([0-9]{1,15})|\*)/([0-9]{1,15})", re.ASCII
)
_RANGE: Final = re.compile(r"bytes=([0-9]{0,15})-([0-9]{0,15})")


async def owned(
    work: Work,
    caller: WithContent,
    group: Annotated[
        Group | None, Query(description="for operators: whose the context is, if it is new")
    ] = None,
    to: Annotated[AgentName | None, Query(description="or an agent of that group")] = None,
) -> str | None:
    """The group that a new context of a person's would be of; an agent's is of its own. Whether
    there is an agent is told to people alone.

    Raises:
        InvalidTaskError: `to` is not enrolled.
        ForeignGroupError: an agent names another group than its own.
    """
    if group and caller.group not in (None, group):
        raise ForeignGroupError(group)
    if caller.member is not None or group or not to:
        return group
    return work.members.group_of(to)


class Sent(NamedTuple):
    """A body of `length` bytes of a content of `size`. `begin`: its first byte's place, -1: none is
    sent, to ask where to go on; None: it is the whole, and does not go on if it breaks off."""

    length: int
    size: int
    begin: int | None


async def said(
    content_length: Annotated[int | None, Header(ge=0, include_in_schema=False)] = None,
    content_range: Annotated[str | None, Header(max_length=100)] = None,
) -> Sent:
    """What the headers say of the body.

    Raises:
        HttpProblem: they do not, or it is no part up to the end.
    """
    if content_length is None:
        raise HttpProblem(
            HTTPStatus.LENGTH_REQUIRED, "how long the content is, is not said", "Content-Length: N"
        )
    if content_range is None:
        return Sent(content_length, content_length, None)
    found = _CONTENT_RANGE.fullmatch(content_range)
    if found is not None and found[1] is None and not content_length:
        return Sent(0, int(found[3]), -1)
    if found is not None and found[1] is not None:
        begin, last, size = map(int, found.groups())
        if begin + content_length == last + 1 == size:
            return Sent(content_length, size, begin)
    raise HttpProblem(
        HTTPStatus.BAD_REQUEST,
        "the part is none that this route knows",
        "Content-Range: bytes FROM-LAST/SIZE up to the end, or bytes */SIZE without a body",
    )


@router.put("/{digest}", status_code=HTTPStatus.CREATED)
async def put_blob(
    digest: Named,
    context: Context,
    request: Request,
    response: Response,
    work: Work,
    caller: WithContent,
    owner: Annotated[str | None, Depends(owned)],
    sent: Annotated[Sent, Depends(said)],
) -> dict[str, Any]:
    """Store content: 201; 200 where the group had it. The body is the bytes; `Content-Length` is
    needed. Nothing is kept of what breaks off or is not what its digest says; but with
    `Content-Range: bytes FROM-LAST/SIZE`, up to the end, what broke off waits 10 minutes for its
    sender to go on. `bytes */SIZE` without a body asks where: 416 with `offset`."""
    allow_time(request, sent.length / SLOWEST)
    is_new = await work.contents.put_blob(
        caller, context, digest, sent.size, request.stream(), owner, sent.begin
    )
    if not is_new:
        response.status_code = HTTPStatus.OK
    return {"digest": digest, "size": sent.size}


@router.head("/{digest}", response_class=Response)
async def head_blob(digest: Named, context: Context, work: Work, caller: WithContent) -> Response:
    """Whether there is such content for the caller to read, and its size."""
    handle, size = await work.contents.open_blob(caller, context, digest, read=False)
    os.close(handle)
    return Response(headers=HEADERS | {"ETag": f'"{digest}"', "Content-Length": str(size)})


@router.get("/{digest}", response_class=StreamingResponse)
async def get_blob(
    digest: Named,
    context: Context,
    work: Work,
    caller: WithContent,
    range_: Annotated[str | None, Header(alias="Range", max_length=100)] = None,
) -> Response:
    """Content, or with `Range: bytes=FROM-TO` the part of it (206): what broke off is resumed."""
    handle, size = await work.contents.open_blob(caller, context, digest)
    try:
        part = _part(range_, size)
    except HttpProblem:
        os.close(handle)
        raise
    begin, end = part or (0, size)
    headers = HEADERS | {"ETag": f'"{digest}"', "Content-Length": str(end - begin)}
    if part is not None:
        headers["Content-Range"] = f"bytes {begin}-{end - 1}/{size}"
    status = HTTPStatus.OK if part is None else HTTPStatus.PARTIAL_CONTENT
    return StreamingResponse(_Blocks(handle, begin, end), status, headers)


class _Blocks:
    """The bytes of an open file from `begin` up to `end`; closed with the answer, also one that
    never began."""

    def __init__(self, handle: int, begin: int, end: int) -> None:
        self._file = os.fdopen(handle, "rb", buffering=0)
        self._at, self._end = begin, end

    def __aiter__(self) -> AsyncIterator[bytes]:
        return self._read()

    async def _read(self) -> AsyncIterator[bytes]:
        with self._file as file:
            while self._at < self._end:
                size = min(BLOCK, self._end - self._at)
                block = await asyncio.to_thread(os.pread, file.fileno(), size, self._at)
                if not block:
                    return  # cut under us: the caller sees that bytes are missing
                self._at += len(block)
                yield block


def _part(asked: str | None, size: int) -> tuple[int, int] | None:
    """(begin, end) of the one range that is asked for; None: all, as also for several ranges.

    Raises:
        HttpProblem: 416, there is no such part.
    """
    found = _RANGE.fullmatch(asked or "")
    if found is None or found.groups() == ("", ""):
        return None
    first, last = found.groups()
    if not first:
        begin, end = max(0, size - int(last)), size
    else:
        begin, end = int(first), min(size, int(last) + 1 if last else size)
    if begin >= end:
        raise HttpProblem(
            HTTPStatus.REQUESTED_RANGE_NOT_SATISFIABLE,
            f"the content has {size} bytes",
            "Range: bytes=FROM- within them",
            headers={"Content-Range": f"bytes */{size}"},
        )
    return begin, end
