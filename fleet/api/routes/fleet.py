"""Routes that read the fleet: agents, history, stats, audit, alerts; and what quiets alerts."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager, nullcontext
from dataclasses import replace
from datetime import UTC, datetime
from http import HTTPStatus
from io import BytesIO
from typing import Annotated, Any, Final, Literal

from fastapi import APIRouter, Depends, Query, Request, Response
from pydantic import Field

from fleet.api.agent_query import AgentQuery
from fleet.api.auth import allow
from fleet.api.backend import (
    ENDED,
    AlertQuery,
    HistoryQuery,
    PastError,
    SilenceRequest,
    UnknownCodeError,
)
from fleet.api.cooperative import as_json, in_slices
from fleet.api.routes.messages import Hub, Operator
from fleet.api.schemas import (
    MAX_ASKED,
    MAX_LISTED,
    MAX_TEXT,
    AgentName,
    AlertBody,
    Code,
    Retried,
    RetryBody,
    SilenceBody,
    SilenceId,
    VerifiedBody,
)
from fleet.contract.timestamps import epoch
from fleet.contract.vocabulary import Kind, MessageKind
from fleet.domain.verdict import Verdict
from fleet.http.auth import READERS
from fleet.http.problems import HttpProblem
from fleet.tokens import Principal

router = APIRouter(prefix="/v1", tags=["fleet"])
Reader = Annotated[Principal, Depends(allow(*READERS))]
Cursor = Annotated[str | None, Query(max_length=64, pattern=r"^[0-9A-Za-z_.-]+$")]
Limit = Annotated[int, Query(ge=1, le=MAX_LISTED)]
Label = Annotated[str, Field(max_length=160, pattern=r"^[^=]+=")]
Group = Annotated[str, Field(max_length=64)]
MAX_OFFSET: Final = 10_000_000


async def _narrowed(
    state: Annotated[list[Verdict] | None, Query(description="in one of these states")] = None,
    group: Annotated[str | None, Query(max_length=64, description="of this group")] = None,
    label: Annotated[list[Label] | None, Query(description="`key=value`, each of them")] = None,
    q: Annotated[str, Query(max_length=MAX_TEXT, description="part of the name or state")] = "",
    agent: Annotated[
        list[AgentName] | None, Query(max_length=MAX_ASKED, description="one of these names")
    ] = None,
    kind: Annotated[list[Kind] | None, Query(description="of one of these kinds")] = None,
    member: Annotated[list[Group] | None, Query(description="in one of these groups")] = None,
) -> AgentQuery:
    labels = tuple((key, value) for key, _, value in (one.partition("=") for one in label or ()))
    return AgentQuery(
        frozenset(state or ()),
        group,
        labels,
        q,
        names=frozenset(agent or ()),
        kinds=frozenset(kind or ()),
        member_of=frozenset(member or ()),
    )


Narrowed = Annotated[AgentQuery, Depends(_narrowed)]


async def _paged(
    narrowed: Narrowed,
    cursor: Annotated[str | None, Query(max_length=64, pattern=r"^[0-9a-z.-]+$")] = None,
    offset: Annotated[int, Query(ge=0, le=MAX_OFFSET, description="agents to leave out")] = 0,
    limit: Annotated[int | None, Query(ge=1, le=MAX_LISTED, description="absent: all")] = None,
    brief: Annotated[bool, Query(description="name and state alone")] = False,
    order: Annotated[Literal["worst", "name"], Query(description="what comes first")] = "worst",
    site: Annotated[str | None, Query(max_length=31, description="of this site alone")] = None,
) -> AgentQuery:
    page = replace(narrowed, cursor=cursor, offset=offset, limit=limit, brief=brief, site=site)
    return replace(page, by_name=order == "name")


Wanted = Annotated[AgentQuery, Depends(_paged)]


@router.get("/agents", response_model=dict[str, Any])
async def agents(
    request: Request,
    hub: Hub,
    _: Reader,
    wanted: Wanted,
    found: Annotated[bool, Query(description="with all that were asked for in numbers")] = False,
) -> Response:
    """Agents, worst first, and the fleet's problems: all of them, or with `limit` a page. By
    `order=name` each is on one page, however it is meanwhile, and problems are left out. With
    `found`, `problems` are the worst of the agents that were asked for, on this page or not, and
    what is wrong with hubs is told in `hub` alone; `found` counts those agents by `states` and by
    the `words` of `fleet check` (each with the `first` of them), and their `problems`, of which
    `loud` are not said by a state, with the `loudest`. `member` is a group that an agent was put
    into, or its label `group` where it was put into none; `group` is either. Of several `member`
    any is enough.

    `total` counts the agents on all pages, `counts` the whole fleet by state; `listed` says
    whether anybody keeps a list of who is enrolled.
    """
    everybody = wanted.limit is None and not wanted.names
    async with hub.about_everybody if everybody else nullcontext():
        if everybody and await request.is_disconnected():  # while it waited for its turn
            return Response(status_code=HTTPStatus.REQUEST_TIMEOUT)
        with _own_cursor():
            rows, about = await hub.agents(wanted)
        if found:
            wrong, about["found"] = await hub.found(wanted)
        else:
            plain = wanted.brief or wanted.by_name
            wrong = [] if plain else await hub.problems(wanted.limit, wanted.site)
        text = BytesIO()
        for name, items in (("agents", rows), ("problems", await in_slices(wrong, as_json))):
            text.write(b'%b"%b":[' % (b"," if text.tell() else b"{", name.encode()))
            text.writelines(item if at == 0 else b"," + item for at, item in enumerate(items))
            text.write(b"]")
        text.write(b",%b" % as_json(about)[1:])
        return Response(text.getvalue(), media_type="application/json")


@router.get("/agents/{name}")
async def agent(name: str, hub: Hub, _: Reader) -> dict[str, Any]:
    """One agent in detail."""
    found = hub.agent(name)
    if found is None:
        raise HttpProblem(HTTPStatus.NOT_FOUND, "there is no such agent", "GET /v1/agents")
    return found


@router.get("/labels")
async def labels(hub: Hub, _: Reader) -> dict[str, Any]:
    """The groups and labels that agents have, and how many have each."""
    return hub.labels()


@router.get("/sites")
async def sites(hub: Hub, _: Reader) -> dict[str, Any]:
    """The sites of the fleet, and which of them are lost; none where it has one broker."""
    return {"sites": hub.sites()}


@router.get("/stats")
async def stats(hub: Hub, _: Reader) -> dict[str, Any]:
    """Counts of everything."""
    return hub.stats()


async def _span(
    since: datetime | None = None,
    until: datetime | None = None,
    agent: AgentName | None = None,
    cursor: Cursor = None,
    limit: Limit = 100,
) -> HistoryQuery:
    return HistoryQuery(_epoch(since), _epoch(until), agent, None, cursor, limit)


Span = Annotated[HistoryQuery, Depends(_span)]


@router.get("/history")
async def history(
    hub: Hub,
    _: Reader,
    span: Span,
    kind: MessageKind | None = None,
    newest: Annotated[bool, Query(description="from the end; `next` leads back")] = False,
    fold: Annotated[bool, Query(description="the same, equal heartbeats told once")] = False,
) -> dict[str, Any]:
    """Stored messages, oldest first, a page at a time. With `fold`, of one agent, `same` says how
    many heartbeats before one say the same, and `since` from when on."""
    if fold:
        _of_one(span.agent)
    with _own_cursor():
        return await hub.history(replace(span, kind=kind, newest=newest, fold=fold))


@router.get("/rollups")
async def rollups(
    hub: Hub,
    _: Reader,
    span: Span,
    step: Annotated[int, Query(ge=1, le=744, description="hours that one sum is of")] = 1,
) -> dict[str, Any]:
    """Sums of each agent's hours, kept for a year; the hour that runs is not among them. With a
    `step`, of one agent, the newest sums of so many hours, without a cursor."""
    if step > 1:
        _of_one(span.agent)
    with _own_cursor():
        return await hub.rollups(replace(span, step=step))


@router.get("/dead-letters")
async def dead_letters(
    hub: Hub, _: Operator, before: Annotated[int | None, Query(ge=0)] = None, limit: Limit = 100
) -> dict[str, Any]:
    """Messages that the contract rejected, newest first: where, why and how long, never the text.

    The text may be what had to be kept off the bus: only the hub's machine shows it.
    """
    return {"dead_letters": await hub.dead_letters(before, limit)}


@router.get("/audit")
async def audit(hub: Hub, _: Reader) -> dict[str, Any]:
    """Summaries of the latest audits."""
    return hub.audit()


@router.get("/alerts")
async def alerts(
    hub: Hub,
    _: Reader,
    history: bool = False,
    code: Code | None = None,
    agent: AgentName | None = None,
    told: Annotated[bool, Query(description="with what became of each at the routes")] = False,
    cursor: Annotated[str | None, Query(max_length=160, pattern=r"^[0-9a-z_.:+-]+$")] = None,
    limit: Annotated[int, Query(ge=1, le=MAX_LISTED, description="of those over")] = ENDED,
) -> dict[str, Any]:
    """Alerts that fire now (and, with `history`, those that ended, the newest first, a page at a
    time), silences, and the routes with what their receivers would not take."""
    with _own_cursor():
        wanted = AlertQuery(history, code, agent, told, cursor, limit)
        listed, following = await hub.alerts(wanted)
    about = {"next": following, **hub.silences(), "routes": hub.routes()}
    return {"alerts": listed, **about}


@router.post("/alerts/retry", status_code=HTTPStatus.ACCEPTED)
async def retry(body: RetryBody, hub: Hub, _: Operator) -> Retried:
    """Try again the messages that a receiver would not take."""
    try:
        return Retried(messages=await hub.retry_alerts(body.route))
    except KeyError:
        raise HttpProblem(
            HTTPStatus.NOT_FOUND, "there is no such route", "GET /v1/alerts"
        ) from None


@router.post("/alerts/ack")
async def acknowledge(body: AlertBody, hub: Hub, caller: Operator) -> dict[str, str | None]:
    """Say that somebody looks at it."""
    if not await hub.acknowledge_alert(body.agent, body.code, str(caller)):
        raise HttpProblem(HTTPStatus.NOT_FOUND, "no such alert is firing", "GET /v1/alerts")
    return {"agent": body.agent, "code": body.code}


@router.post("/verified", status_code=HTTPStatus.ACCEPTED)
async def verified(body: VerifiedBody, hub: Hub, _: Operator) -> dict[str, bool]:
    """Record what a second source said: dissent raises an alert, agreement ends it."""
    if not await hub.verified(body.agent, agrees=body.agrees):
        raise HttpProblem(HTTPStatus.NOT_FOUND, "there is no such agent", "GET /v1/agents")
    return {"agrees": body.agrees}


@router.get("/silences")
async def silences(hub: Hub, _: Reader) -> dict[str, Any]:
    """What is held back now, by whom and until when, and what that hides; what is planned; and the
    maintenance windows of the settings."""
    return hub.silences()


@router.post("/silences", status_code=HTTPStatus.CREATED)
async def silence(body: SilenceBody, hub: Hub, caller: Operator) -> SilenceId:
    """Silence matching alerts for a while, from now or from a time on."""
    if body.agent and body.scope:
        raise HttpProblem(
            HTTPStatus.UNPROCESSABLE_ENTITY, "an agent or a scope, not both", "leave one out"
        )
    wanted = SilenceRequest(
        body.seconds,
        str(caller),
        body.agent or "",
        body.scope or "",
        body.code or "",
        epoch(body.begins) if body.begins else None,
        body.maintenance,
    )
    try:
        known = not wanted.agent or hub.agent(wanted.agent) is not None
        return SilenceId(id=await hub.silence(wanted), known=known)
    except PastError as now:
        raise HttpProblem(
            HTTPStatus.UNPROCESSABLE_ENTITY,
            f"{body.begins} is over: it is {now}",
            "a time to come; without one it begins now",
        ) from None
    except UnknownCodeError as like:
        raise HttpProblem(
            HTTPStatus.UNPROCESSABLE_ENTITY,
            "no alert has that code: it would hold nothing back",
            f"{like}" if str(like) else "docs/reference/alerts.md lists the codes",
        ) from None
    except KeyError:
        what = f"nobody is enrolled in {wanted.scope.replace(':', ' ')}"
        raise HttpProblem(HTTPStatus.NOT_FOUND, what, "fleet agent list") from None


@router.delete("/silences/{silence_id}", status_code=HTTPStatus.NO_CONTENT)
async def lift(silence_id: str, hub: Hub, _: Operator) -> None:
    """End a silence."""
    if not await hub.lift(silence_id):
        raise HttpProblem(HTTPStatus.NOT_FOUND, "there is no such silence", "GET /v1/alerts")


@contextmanager
def _own_cursor() -> Iterator[None]:
    """The store's refusal of a cursor as a problem of the caller."""
    try:
        yield
    except ValueError:
        raise HttpProblem(
            HTTPStatus.UNPROCESSABLE_ENTITY,
            "that cursor is not one of ours",
            "start without a cursor, then pass `next`",
        ) from None


def _of_one(agent: str | None) -> None:
    if agent is None:
        raise HttpProblem(
            HTTPStatus.UNPROCESSABLE_ENTITY, "that is told of one agent at a time", "&agent=NAME"
        )


def _epoch(moment: datetime | None) -> float | None:
    """Seconds since the epoch; a time without a zone is UTC."""
    if moment is None:
        return None
    return (moment if moment.tzinfo else moment.replace(tzinfo=UTC)).timestamp()
