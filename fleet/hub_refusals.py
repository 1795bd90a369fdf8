"""What a hub refuses, or why it cannot be asked, in words for a command line."""

from __future__ import annotations

import json
from http import HTTPStatus
from typing import TYPE_CHECKING, Any, Final

from fleet.contract.errors import FleetError
from fleet.contract.tls_faults import OF_THE_HUB, TlsFault, fault_of, why

if TYPE_CHECKING:
    import ssl

AT_HOME: Final = {
    "GET /v1/agents": "fleet status",
    "GET /v1/alerts": "fleet alerts",
    "start without a cursor, then pass `next`": "fleet history --oldest",
    "GET /v1/openapi.json describes every field": "the same with --help: what each may be",
    "GET /v1/openapi.json lists every route": "the same release here and on the hub's machine",
    "submit a task with a context of your own: a new ULID": (
        "fleet task list, then fleet task show ID: it names the context"
    ),
    "use a new ULID": "another --id, or none",
}
"""What the hub's remedies, which speak of HTTP, are at the command line."""

UNKNOWN_AGENT: Final = "unknown-agent"
"""The code of a refusal: somebody is named of whom the hub has not heard."""

AWAY: Final = frozenset(
    {HTTPStatus.BAD_GATEWAY, HTTPStatus.SERVICE_UNAVAILABLE, HTTPStatus.GATEWAY_TIMEOUT}
)
"""What a proxy answers whose hub is away, and a hub whose store is."""

MAX_REFUSAL: Final = 64 * 1024
"""Bytes read of a problem document."""


class HubError(FleetError):
    """The hub is away, or refuses. `code`: its word for programs, if it gave one; `offset`: the
    byte from which on it wants a content."""

    code = ""
    offset: int | None = None


class AwayError(HubError):
    """There is no link to the hub, or it broke."""


class UnavailableError(HubError):
    """The hub cannot now, or what stands before it does not reach it: the same may be asked again
    soon, and may have been done already."""


class StandbyError(HubError):
    """The hub waits for another one, which leads."""


class BeginningError(StandbyError, UnavailableError):
    """The hub of this home has begun to start: it leads, or reads, in a moment."""


class BusyError(HubError):
    """The hub does nothing for this caller until `seconds` have passed."""

    seconds = 1.0


def untrusted(url: str, error: ssl.SSLError) -> HubError:
    """There is no TLS link with the hub; what to do, by what is wrong."""
    fault = fault_of(error) or TlsFault.OTHER
    remedy = OF_THE_HUB.get(fault, "fleet doctor on the hub's machine")
    return HubError(f"TLS with the hub {url} failed", why(fault, error), remedy)


def away(url: str, why: str) -> AwayError:
    return AwayError(f"the hub at {url} does not answer", why, "fleet serve on its machine")


def no_hub(url: str, why: str) -> HubError:
    return HubError(f"what answers at {url} is no hub", why, "FLEET_HUB=https://…")


def refused(status: int, body: bytes, retry_after: str = "") -> HubError:
    """What an answer of 300 and more says; the hub's own words where they are its own."""
    if HTTPStatus.MULTIPLE_CHOICES <= status < HTTPStatus.BAD_REQUEST:
        why = f"HTTP {status}: it sends us elsewhere, and the token goes nowhere else"
        return HubError("the hub refuses", why, "FLEET_HUB=https://… names the hub itself")
    try:
        problem = json.loads(body)
    except (ValueError, RecursionError):
        problem = {}
    if not isinstance(problem, dict):
        problem = {}
    if problem.get("role") == "standby":
        leader = problem.get("leader")
        said = f"{leader} leads" if leader else "its store is away"
        there = "FLEET_HUB and FLEET_HUB_TOKEN_FILE of the one that leads"
        return StandbyError("this hub stands by", said, there if leader else "fleet doctor")
    lacks = [name for name, good in problem.items() if good is False and name != "ready"]
    if lacks:  # what /readyz says with its 503
        why = f"no {', no '.join(lacks)}"
        return HubError("the hub is not ready", why, "the log of fleet serve says more")
    remedy = str(problem.get("try", "")).removeprefix("Authorization: Bearer TOKEN; ")
    found = _kind_of(status, problem, retry_after)(
        "the hub refuses",
        str(problem.get("detail", f"HTTP {status}")) + _fields(problem),
        AT_HOME.get(remedy, remedy) if problem else "fleet doctor on the hub's machine",
    )
    found.code = str(problem.get("code", ""))
    offset = problem.get("offset")
    found.offset = offset if type(offset) is int and offset >= 0 else None
    if isinstance(found, BusyError):
        found.seconds = _seconds(retry_after)
    return found


def _kind_of(status: int, problem: dict[str, Any], retry_after: str) -> type[HubError]:
    if status == HTTPStatus.TOO_MANY_REQUESTS:
        return BusyError
    again = not problem or retry_after
    return UnavailableError if status in AWAY and again else HubError


def _fields(problem: dict[str, Any]) -> str:
    """The places that a hub finds fault with, the first few; empty: it names none."""
    faults = problem.get("errors")
    if not isinstance(faults, list):
        return ""
    places = [one.get("field") for one in faults[:4] if isinstance(one, dict)]
    named = [str(place)[:64].removeprefix("body.") for place in places if place]
    return f": {', '.join(named)}" if named else ""


def _seconds(text: str) -> float:
    """What a Retry-After asks for; of another form, as a proxy may send, a second."""
    return float(text) if text.isdecimal() and len(text) < 9 else BusyError.seconds
