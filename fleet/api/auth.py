"""Who asks, and what their role may do. Deny by default: a route without a role is no route."""

from __future__ import annotations

import hmac
import math
import secrets
import time
from collections import OrderedDict
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from http import HTTPStatus
from typing import Final

from starlette.requests import Request

from fleet.api.problems import HttpProblem
from fleet.api.rate_limit import RateLimits
from fleet.tokens import Principal, Role, Tokens

COOKIE: Final = "fleet_session"
CSRF_HEADER: Final = "x-csrf-token"
SESSION_SECONDS: Final = 12 * 3600
"""A working day; then the page asks for the token again."""

MAX_SESSIONS: Final = 1_000
READERS: Final = (Role.ADMIN, Role.OPERATOR, Role.VIEWER)
OPERATORS: Final = (Role.ADMIN, Role.OPERATOR)
EVERYONE: Final = (*READERS, Role.AGENT)

_SAFE_METHODS: Final = frozenset({"GET", "HEAD", "OPTIONS"})


@dataclass(frozen=True, slots=True)
class BrowserSession:
    """A browser's stay: the token was checked once, the cookie names the session."""

    principal: Principal
    csrf: str
    ends: float


class Authenticator:
    """Checks bearer tokens and session cookies.

    A caller (by address) that shows bad tokens has to wait ever longer; the wait is checked
    before the token, so guessing on learns nothing.
    """

    def __init__(self, tokens: Tokens) -> None:
        self._tokens = tokens
        self._sessions: OrderedDict[str, BrowserSession] = OrderedDict()
        self._failures = RateLimits(per_second=0.2, burst=10)
        self._requests = RateLimits(per_second=50, burst=200)
        self.refused = 0

    def principal(self, request: Request) -> Principal:
        """Who bears the request's token or cookie.

        Raises:
            Problem: 401 nobody, 403 a cookie without its CSRF token, 429 too many requests.
        """
        now = time.monotonic()
        address = request.client.host if request.client else "unknown"
        self._wait(self._failures.peek(address, now), "too many bad tokens")
        found = self._bearer(request) or self._cookie(request)
        if found is None:
            self.refused += 1
            if "authorization" in request.headers or COOKIE in request.cookies:
                self._failures.wait(address, now)
            raise HttpProblem(
                HTTPStatus.UNAUTHORIZED,
                "a token is needed",
                "Authorization: Bearer TOKEN; fleet token create --role viewer makes one",
                headers={"WWW-Authenticate": "Bearer"},
            )
        self._wait(self._requests.wait(found.id or address, now), "too many requests")
        return found

    def open_session(self, token: str, address: str) -> tuple[str, BrowserSession]:
        """Exchange a token for a session; (cookie value, session).

        Raises:
            Problem: 401 for a bad token, 429 after too many.
        """
        now = time.monotonic()
        self._wait(self._failures.peek(address, now), "too many bad tokens")
        principal = self._tokens.principal(token)
        if principal is None:
            self.refused += 1
            self._failures.wait(address, now)
            raise HttpProblem(
                HTTPStatus.UNAUTHORIZED, "this token is not valid", "fleet token create --role …"
            )
        session = BrowserSession(principal, secrets.token_urlsafe(24), now + SESSION_SECONDS)
        name = secrets.token_urlsafe(24)
        self._sessions[name] = session
        if len(self._sessions) > MAX_SESSIONS:
            self._sessions.popitem(last=False)
        return name, session

    def session(self, request: Request) -> BrowserSession | None:
        """The live session of the request's cookie, if its token is still valid."""
        name = request.cookies.get(COOKIE, "")
        session = self._sessions.get(name)
        if session is None:
            return None
        revoked = all(entry.id != session.principal.id for entry in self._tokens.entries())
        if revoked or session.ends < time.monotonic():
            del self._sessions[name]
            return None
        return session

    def close_session(self, request: Request) -> None:
        self._sessions.pop(request.cookies.get(COOKIE, ""), None)

    def _bearer(self, request: Request) -> Principal | None:
        scheme, _, token = request.headers.get("authorization", "").partition(" ")
        if scheme.lower() != "bearer" or not token:
            return None
        return self._tokens.principal(token.strip())

    def _cookie(self, request: Request) -> Principal | None:
        session = self.session(request)
        if session is None:
            return None
        if request.method not in _SAFE_METHODS:
            shown = request.headers.get(CSRF_HEADER, "")
            if not hmac.compare_digest(shown.encode(), session.csrf.encode()):
                raise HttpProblem(HTTPStatus.FORBIDDEN, "the CSRF token is missing or wrong")
        return session.principal

    @staticmethod
    def _wait(seconds: float, why: str) -> None:
        if seconds > 0:
            headers = {"Retry-After": str(math.ceil(seconds))}
            raise HttpProblem(HTTPStatus.TOO_MANY_REQUESTS, why, headers=headers)


def allow(*roles: Role) -> Callable[[Request], Awaitable[Principal]]:
    """A dependency that lets only bearers of `roles` pass, and hands the principal on."""

    async def check(request: Request) -> Principal:
        access: Authenticator = request.app.state.access
        principal = access.principal(request)
        if principal.role not in roles:
            raise HttpProblem(
                HTTPStatus.FORBIDDEN,
                f"the role {principal.role} may not do this",
                f"a token of role {' or '.join(roles)}",
            )
        return principal

    return check
