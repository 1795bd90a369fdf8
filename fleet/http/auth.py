"""Who asks: bearer tokens, and the roles that may read or act."""

from __future__ import annotations

import math
import time
from http import HTTPStatus
from typing import Final

from starlette.requests import Request

from fleet.http.connections import peer_of
from fleet.http.problems import HttpProblem
from fleet.http.rate_limit import RateLimits
from fleet.tokens import Principal, Role, Tokens

READERS: Final = (Role.ADMIN, Role.OPERATOR, Role.VIEWER)
OPERATORS: Final = (Role.ADMIN, Role.OPERATOR)
EVERYONE: Final = (*READERS, Role.AGENT)


class Authenticator:
    """Checks bearer tokens.

    Bad tokens from one address are answered 429 after some, so that a client that errs is told to
    wait. A good one is good beside any number of them: 256 random bits are not guessed, and who
    shares an address (a proxy's, a machine's) must not lock the others out.
    """

    def __init__(self, tokens: Tokens) -> None:
        self._tokens = tokens
        self._failures = RateLimits(per_second=0.2, burst=10)
        self._requests = RateLimits(per_second=50, burst=200)

    def principal(self, request: Request) -> Principal:
        """Who asks.

        Raises:
            HttpProblem: 401 nobody, 429 too many requests.
        """
        now = time.monotonic()
        address = request.client.host if request.client else "unknown"
        found = self._identified(request)
        if found is None:
            if self._is_claimed(request):
                self._note_failure(address, now)
            raise HttpProblem(
                HTTPStatus.UNAUTHORIZED,
                "a token is needed",
                "Authorization: Bearer TOKEN; fleet token create --role viewer makes one",
                headers={"WWW-Authenticate": "Bearer"},
            )
        _refuse_for(self._requests.wait(found.id or address, now), "too many requests")
        return found

    def principal_of(self, token: str, address: str) -> Principal:
        """Who bears `token`, which did not come in the header.

        Raises:
            HttpProblem: 401 for a bad token, 429 after too many.
        """
        found = self._tokens.principal(token)
        if found is None:
            self._note_failure(address, time.monotonic())
            raise HttpProblem(
                HTTPStatus.UNAUTHORIZED, "this token is not valid", "fleet token create --role …"
            )
        return found

    def _identified(self, request: Request) -> Principal | None:
        """Whom the request proves to come from; None: nobody that is known."""
        scheme, _, token = request.headers.get("authorization", "").partition(" ")
        if scheme.lower() != "bearer" or not token:
            return None
        return self._tokens.principal(token.strip())

    def _is_claimed(self, request: Request) -> bool:
        """Whether the request claims to come from somebody: a wrong claim may be a guess."""
        return "authorization" in request.headers

    def _note_failure(self, address: str, now: float) -> None:
        _refuse_for(self._failures.wait(peer_of(address), now), "too many bad tokens")


def _refuse_for(seconds: float, why: str) -> None:
    if seconds > 0:
        headers = {"Retry-After": str(math.ceil(seconds))}
        raise HttpProblem(HTTPStatus.TOO_MANY_REQUESTS, why, headers=headers)
