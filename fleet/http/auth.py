"""Who asks: bearer tokens, and the roles that may read or act."""

from __future__ import annotations

import logging
import math
import time
from http import HTTPStatus
from typing import Final

from starlette.requests import Request

from fleet.contract.errors import ConfigError
from fleet.http.connections import peer_of
from fleet.http.log_limit import LogLimit
from fleet.http.problems import HttpProblem
from fleet.http.rate_limit import RateLimits
from fleet.tokens import Principal, Role, Tokens

NOT_OURS: Final = "this hub knows no such token: each home has its own, and it may be revoked"

READERS: Final = (Role.ADMIN, Role.OPERATOR, Role.VIEWER)
SCRAPERS: Final = (*READERS, Role.SCRAPER)
OPERATORS: Final = (Role.ADMIN, Role.OPERATOR)
EVERYONE: Final = (*READERS, Role.AGENT)


PRINCIPAL: Final = "fleet.principal"
"""Where an ASGI scope names the bearer whom another hub of the fleet has looked at. Nothing that
comes over the network can be there."""

log = logging.getLogger(__name__)
log.addFilter(LogLimit())


class BorneTokens:
    """The token file as callers meet it: one that is damaged, or open to others, is said to the
    operator's log and refuses everybody, as a fault of the hub's and not of the caller's."""

    def __init__(self, tokens: Tokens) -> None:
        self._tokens = tokens

    def principal(self, token: str) -> Principal | None:
        """Who bears `token`; None if nobody.

        Raises:
            HttpProblem: 503, the file is not usable.
        """
        try:
            return self._tokens.principal(token)
        except ConfigError as error:
            raise unusable(error) from None

    def bearer(self, token_id: str) -> Principal | None:
        """Who bears the token of this id; None if it was revoked.

        Raises:
            HttpProblem: 503, as above.
        """
        try:
            return self._tokens.bearer(token_id)
        except ConfigError as error:
            raise unusable(error) from None


def unusable(error: ConfigError) -> HttpProblem:
    """What a caller is told where the file of tokens is; the operator's log has why."""
    log.error("nobody is let in: %s", str(error).replace("\n", "; "))
    return HttpProblem(
        HTTPStatus.SERVICE_UNAVAILABLE,
        "the hub cannot read its tokens",
        "fleet token list on the hub's machine says why",
    )


def _least(request: Request) -> Role:
    """The role with the fewest rights that is of use for what is asked."""
    return Role.SCRAPER if request.scope.get("path") == "/metrics" else Role.VIEWER


class Authenticator:
    """Checks bearer tokens.

    Bad tokens from one address are answered 429 after some, so that a client that errs is told to
    wait. A good one is good beside any number of them: 256 random bits are not guessed, and who
    shares an address (a proxy's, a machine's) must not lock the others out.
    """

    def __init__(self, tokens: Tokens) -> None:
        self._tokens = BorneTokens(tokens)
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
            claimed = self._is_claimed(request)
            if claimed:
                self._note_failure(address, now)
            raise HttpProblem(
                HTTPStatus.UNAUTHORIZED,
                NOT_OURS if claimed else "a token is needed",
                f"Authorization: Bearer TOKEN; fleet token create --role {_least(request)}"
                " where this hub runs",
                headers={"WWW-Authenticate": "Bearer"},
            )
        refuse_for(self._requests.wait(found.id or address, now), "too many requests")
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
        if isinstance(known := request.scope.get(PRINCIPAL), Principal):
            return known
        scheme, _, token = request.headers.get("authorization", "").partition(" ")
        if scheme.lower() != "bearer" or not token:
            return None
        return self._tokens.principal(token.strip())

    def _is_claimed(self, request: Request) -> bool:
        """Whether the request claims to come from somebody: a wrong claim may be a guess."""
        return "authorization" in request.headers

    def _note_failure(self, address: str, now: float) -> None:
        refuse_for(self._failures.wait(peer_of(address), now), "too many bad tokens")


def refuse_for(seconds: float, why: str) -> None:
    """
    Raises:
        HttpProblem: 429, where there are seconds to wait.
    """
    if seconds > 0:
        headers = {"Retry-After": str(math.ceil(seconds))}
        raise HttpProblem(HTTPStatus.TOO_MANY_REQUESTS, why, headers=headers)
