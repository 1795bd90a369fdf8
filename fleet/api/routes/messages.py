"""Routes of the message exchange: send, inbox, ack, publish."""

from __future__ import annotations

from http import HTTPStatus
from typing import Annotated, Any

from fastapi import APIRouter, Depends, Request

from fleet.api.auth import allow
from fleet.api.backend import Backend, CommandRequest
from fleet.api.schemas import AckBody, SendBody, SentIds
from fleet.contract.errors import BrokerError
from fleet.contract.rejection import Rejected
from fleet.contract.topics import is_agent_name
from fleet.contract.vocabulary import MessageKind, Reason, Word
from fleet.http.auth import EVERYONE, OPERATORS
from fleet.http.problems import HttpProblem
from fleet.hub_refusals import UNKNOWN_AGENT
from fleet.tokens import Principal, Role

router = APIRouter(prefix="/v1", tags=["messages"])


async def backend_of(request: Request) -> Backend:
    """The hub behind this application."""
    backend: Backend = request.app.state.backend
    return backend


Hub = Annotated[Backend, Depends(backend_of)]
Operator = Annotated[Principal, Depends(allow(*OPERATORS))]
Anyone = Annotated[Principal, Depends(allow(*EVERYONE))]
AgentOnly = Annotated[Principal, Depends(allow(Role.AGENT))]


class Publishable(Word):
    """What an agent may publish for itself."""

    HEARTBEAT = "heartbeat"
    STATUS = "status"
    ALERT = "alert"


@router.post("/send", status_code=HTTPStatus.ACCEPTED)
async def send(body: SendBody, hub: Hub, caller: Operator) -> SentIds:
    """Queue one of the four verbs for an agent, for some, or for all."""
    named = (body.to,) if isinstance(body.to, str) else tuple(body.to or ())
    dispatch = CommandRequest(
        body.verb, named, body.priority, body.ttl, body.reply_to, f"{caller.id} {caller}"
    )
    try:
        ids, broadcast = await hub.send(dispatch)
        return SentIds(ids=ids, broadcast=broadcast)
    except KeyError:
        raise HttpProblem(
            HTTPStatus.NOT_FOUND, "there is no such agent", "GET /v1/agents", code=UNKNOWN_AGENT
        ) from None
    except OverflowError:
        status = HTTPStatus.SERVICE_UNAVAILABLE
        raise HttpProblem(status, "too many commands are open", "wait for some to end") from None


@router.get("/inbox")
async def inbox(
    hub: Hub, caller: Anyone, agent: str | None = None, unread: bool = False
) -> dict[str, Any]:
    """Commands for an agent. An agent reads its own; others may name one or read all."""
    if caller.role is Role.AGENT:
        if agent not in (None, caller.agent):
            raise HttpProblem(HTTPStatus.FORBIDDEN, "an agent reads its own inbox only")
        agent = caller.agent
    elif agent is not None and not is_agent_name(agent):
        raise HttpProblem(HTTPStatus.UNPROCESSABLE_ENTITY, "that is not an agent name")
    reading = caller.role is Role.AGENT
    return {"messages": await hub.inbox(agent, unread=unread, reading=reading)}


@router.post("/ack")
async def ack(body: AckBody, hub: Hub, caller: Anyone) -> dict[str, str]:
    """Record how a command ended (read receipt)."""
    if caller.role is Role.VIEWER:
        raise HttpProblem(HTTPStatus.FORBIDDEN, "the role viewer may not do this")
    own = caller.agent if caller.role is Role.AGENT else None
    if not await hub.ack(own, body.id, body.result):
        raise HttpProblem(HTTPStatus.NOT_FOUND, "there is no such command in this inbox")
    return {"id": body.id, "result": body.result.value}


@router.post("/publish/{kind}", status_code=HTTPStatus.ACCEPTED)
async def publish(
    kind: Publishable, request: Request, hub: Hub, caller: AgentOnly
) -> dict[str, str]:
    """Publish the caller's own heartbeat, status or alert; the body is the bus payload."""
    payload = await request.body()
    try:
        await hub.publish(MessageKind(kind.value), caller.agent, payload)
    except Rejected as rejected:
        raise refused(rejected) from None
    except BrokerError as error:
        raise HttpProblem(HTTPStatus.SERVICE_UNAVAILABLE, error.what, error.remedy) from None
    return {"agent": caller.agent, "kind": kind.value}


def refused(rejected: Rejected) -> HttpProblem:
    """422 with the reason, the field and the clause that forbids it."""
    extra: dict[str, Any] = {
        "reason": rejected.reason.value,
        "field": rejected.field,
        "clause": clause(rejected.reason),
    }
    if rejected.allowed:
        extra["allowed"] = list(rejected.allowed)
    return HttpProblem(
        HTTPStatus.UNPROCESSABLE_ENTITY,
        f"the contract does not allow this payload: {rejected.reason.meaning}",
        "fleet validate TOPIC PAYLOAD explains it",
        **extra,
    )


def clause(reason: Reason) -> str:
    """The ADR clause behind a rejection: free text is what unknown fields and words carry."""
    prose = reason in (Reason.UNKNOWN_FIELD, Reason.UNKNOWN_WORD, Reason.BAD_FORMAT)
    return "ADR-0005#free-text" if prose else "ADR-0005#closed-vocabulary"
