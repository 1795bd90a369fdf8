"""Sessions of browsers, and what each route asks of a role. Deny by default: a route without a
role is no route.
"""

from __future__ import annotations

import hmac
import secrets
import time
from collections import OrderedDict
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from http import HTTPStatus
from typing import Final

from starlette.requests import Request

from fleet.http.auth import Authenticator
from fleet.http.problems import HttpProblem
from fleet.tokens import Principal, Role, Tokens

COOKIE: Final = "fleet_session"
CSRF_HEADER: Final = "x-csrf-token"
SESSION_SECONDS: Final = 12 * 3600
"""A working day; then the page asks for the token again."""

MAX_SESSIONS: Final = 1_000

_SAFE_METHODS: Final = frozenset({"GET", "HEAD", "OPTIONS"})


@dataclass(frozen=True, slots=True)
class BrowserSession:
    """A browser's stay: the token was checked once, the cookie names the session."""

    principal: Principal
    csrf: str
    ends: float


class SessionAuthenticator(Authenticator):
    """Checks bearer tokens and session cookies; a cookie that is to change something needs its
    CSRF token beside it, or is refused with 403."""

    def __init__(self, tokens: Tokens) -> None:
        super().__init__(tokens)
        self._sessions: OrderedDict[str, BrowserSession] = OrderedDict()

    def open_session(self, token: str, address: str) -> tuple[str, BrowserSession]:
        """Exchange a token for a session; (cookie value, session).

        Raises:
            HttpProblem: 401 for a bad token, 429 after too many.
        """
        principal = self.principal_of(token, address)
        ends = time.monotonic() + SESSION_SECONDS
        session = BrowserSession(principal, secrets.token_urlsafe(24), ends)
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

    def _identified(self, request: Request) -> Principal | None:
        return super()._identified(request) or self._by_cookie(request)

    def _is_claimed(self, request: Request) -> bool:
        return super()._is_claimed(request) or COOKIE in request.cookies

    def _by_cookie(self, request: Request) -> Principal | None:
        session = self.session(request)
        if session is None:
            return None
        if request.method not in _SAFE_METHODS:
            shown = request.headers.get(CSRF_HEADER, "")
            if not hmac.compare_digest(shown.encode(), session.csrf.encode()):
                raise HttpProblem(HTTPStatus.FORBIDDEN, "the CSRF token is missing or wrong")
        return session.principal


def allow(*roles: Role) -> Callable[[Request], Awaitable[Principal]]:
    """A dependency that lets only bearers of `roles` pass, and hands the principal on."""

    async def check(request: Request) -> Principal:
        authenticator: SessionAuthenticator = request.app.state.authenticator
        principal = authenticator.principal(request)
        if principal.role not in roles:
            raise HttpProblem(
                HTTPStatus.FORBIDDEN,
                f"the role {principal.role} may not do this",
                f"a token of role {' or '.join(roles)}",
            )
        return principal

    return check
