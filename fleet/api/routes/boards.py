"""Routes of boards: what a session's workers put there, every version kept. Content is a blob."""

from __future__ import annotations

import re
from http import HTTPStatus
from typing import Annotated, Any, NamedTuple

from fastapi import APIRouter, Depends, Header, Path, Query, Response

from fleet.api.routes.work import WithContent, Work
from fleet.api.work_schemas import EntryBody, EntryName, described_entry
from fleet.contract.fields import Ulid
from fleet.contract.work_vocabulary import BoardSection
from fleet.http.problems import HttpProblem
from fleet.work.contents import entry_of
from fleet.work.requests import EntryRequest

router = APIRouter(prefix="/v1/boards", tags=["work"])

Context = Annotated[Ulid, Path(description="the session")]


class Place(NamedTuple):
    """Which entry of which board."""

    context: str
    section: BoardSection
    name: str


async def placed(
    context: Context,
    section: Annotated[BoardSection, Path(description="where on the board")],
    name: Annotated[EntryName, Path(description="the entry's name")],
) -> Place:
    """From the path."""
    return Place(context, section, name)


async def expected(
    if_match: Annotated[str | None, Header(max_length=40)] = None,
    if_none_match: Annotated[str | None, Header(max_length=40)] = None,
) -> int | None:
    """The version that must be the newest, 0: none; None: whatever it is.

    Raises:
        HttpProblem: the headers say something else.
    """
    if if_match is None and if_none_match is None:
        return None
    if if_match is None and if_none_match == "*":
        return 0
    if if_none_match is None and if_match and re.fullmatch(r'"[1-9][0-9]{0,9}"', if_match):
        return int(if_match.strip('"'))
    raise HttpProblem(
        HTTPStatus.BAD_REQUEST,
        "the condition is none that this route knows",
        'If-Match: "VERSION" as ETag gave it, or If-None-Match: *',
    )


Placed = Annotated[Place, Depends(placed)]


@router.get("/{context}")
async def board(context: Context, work: Work, caller: WithContent) -> dict[str, Any]:
    """The newest version of each entry, by section and name."""
    entries = await work.contents.board(caller, context)
    return {"context": context, "entries": [described_entry(entry) for entry in entries]}


@router.get("/{context}/{section}/{name}")
async def entry(
    place: Placed,
    work: Work,
    caller: WithContent,
    response: Response,
    version: Annotated[int | None, Query(ge=1, le=10**9, description="absent: the newest")] = None,
) -> dict[str, Any]:
    """One entry, and the numbers of all its versions; its content is at `/v1/blobs`."""
    versions = await work.contents.versions(caller, *place)
    found = entry_of(versions, version)
    response.headers["ETag"] = f'"{found.version}"'
    return described_entry(found) | {"versions": [one.version for one in versions]}


@router.put("/{context}/{section}/{name}")
async def put_entry(
    place: Placed,
    body: EntryBody,
    work: Work,
    caller: WithContent,
    response: Response,
    over: Annotated[int | None, Depends(expected)],
) -> dict[str, Any]:
    """Put the next version. `If-Match: "3"`: only over version 3; `If-None-Match: *`: only if there
    is none; else 412 and nothing changes."""
    request = EntryRequest(*place, body.descriptor.value(), body.task or "", over)
    stored = await work.contents.put_entry(caller, request)
    response.status_code = HTTPStatus.CREATED if stored.version == 1 else HTTPStatus.OK
    response.headers["ETag"] = f'"{stored.version}"'
    return described_entry(stored)
