"""What several hubs on one store tell each other through it: how the one that leads sees things,
for those that read beside it, and what those were asked to do.

Calls block. A store that only one hub can open has none of it.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Final, Protocol

from fleet.domain.alert import Alert
from fleet.domain.silences import Silence
from fleet.store.records import DeadLetter, HubState, StoredEvent, StoredMessage

ENROLLED: Final = "enrolled"
"""The document with the list of agents."""

Item = StoredMessage | DeadLetter | StoredEvent


@dataclass(frozen=True, slots=True)
class Live:
    """The last word of the hub that leads.

    Attributes:
        at: its time then, in s since the epoch: all that it knew by then is in the store.
        age: seconds since, by the store's clock.
        text: what else it said, in JSON.
        epoch: of the lease under which it said so.
        leader: who holds the lease now; empty: nobody.
    """

    at: float
    age: float
    text: str
    epoch: int
    leader: str


@dataclass(frozen=True, slots=True)
class News:
    """What was committed after an id, in order, and the last word by then; `more` is left."""

    live: Live | None
    items: list[Item]
    more: bool


class LiveState(Protocol):
    """For the hub that leads.

    Raises:
        LeadershipLostError: another hub writes now.
        StoreError: the store cannot be asked.
    """

    def write(self, at: float, text: str) -> None: ...


class Following(Protocol):
    """For a hub that reads.

    Raises:
        StoreError: the store cannot be asked.
    """

    def begin(self) -> HubState: ...

    def news(self, after: int, limit: int) -> News: ...

    def book(self) -> tuple[list[Alert], list[Silence]]:
        """Every alert and silence as of now."""
        ...

    def document(self, name: str) -> str | None: ...


LEFT_AT_HOME: Final = "own:"
"""Before the id of a token that a hub left in its own home, for the command line there."""


@dataclass(frozen=True, slots=True)
class Request:
    """Something that a hub that reads was asked to do: an HTTP request, and who asked.

    Attributes:
        role, agent, token: the bearer, as `fleet.tokens.Principal` has it at the hub that
            reads. The one that leads takes the id alone, unless it begins with `LEFT_AT_HOME`.
        path: with the query.
        headers: conditions that it is to be done under, by their names in small letters.
    """

    id: str
    role: str
    agent: str
    token: str
    method: str
    path: str
    kind: str
    body: bytes
    headers: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Answer:
    """What became of a request, as HTTP has it; `kind` is the content type, empty: no content."""

    status: int
    kind: str
    body: bytes
    headers: Mapping[str, str] = field(default_factory=dict)


class TooManyRequestsError(Exception):
    """The hub that leads does not come to what waits already."""


class RequestOutbox(Protocol):
    """Requests on their way to the hub that leads, each done once at most.

    Raises:
        LeadershipLostError: another hub leads.
        StoreError: the store cannot be asked.
    """

    def put(self, request: Request, seconds: float) -> None:
        """Leave one for so long; the same id twice is one.

        Raises:
            TooManyRequestsError: too many wait.
        """
        ...

    def answer_of(self, request: str) -> Answer | None:
        """What became of it, for who asked, which takes it away; None: nothing yet."""
        ...

    def withdraw(self, request: str) -> bool:
        """Nobody is to do it any more; False: somebody has begun."""
        ...

    def take(self, limit: int) -> list[Request]:
        """For who leads: what waits, and from now on is its own. What an earlier leader took and
        did not answer is answered so."""
        ...

    def answer(self, request: str, answer: Answer) -> None:
        """For who leads."""
        ...
