"""Sessions of browsers, and what each route asks of a role. Deny by default: a route without a
role is no route.

A cookie belongs to a host name, whatever the port: the page of an agent on the same machine is
sent ours, and its server may do with it what it likes. So a cookie alone is nobody. Beside it
stands a secret that is told once, in the answer to the token, and that the page keeps where only
its own origin, port included, can read it.
"""

from __future__ import annotations

import hmac
import secrets
import time
from collections import OrderedDict
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from http import HTTPStatus
from typing import Final

from starlette.requests import Request

from fleet.http.auth import Authenticator
from fleet.http.problems import HttpProblem
from fleet.tokens import Principal, Role, Tokens

COOKIE: Final = "fleet_session"
SECURE_COOKIE: Final = "__Host-fleet_session"
"""Under HTTPS: a browser takes it from this host alone, and never sends it in the open."""

SECRET_HEADER: Final = "x-session-secret"  # noqa: S105 - a name
SESSION_SECONDS: Final = 12 * 3600
"""A working day; then the page asks for the token again."""

MAX_SESSIONS: Final = 1_000


@dataclass(frozen=True, slots=True)
class BrowserSession:
    """A browser's stay: the token was checked once, the cookie names the session, and the secret
    shows that it is the hub's own page that asks."""

    principal: Principal
    secret: str = field(repr=False)
    ends: float


class SessionAuthenticator(Authenticator):
    """Checks bearer tokens, and session cookies with the secret beside them."""

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
        """The live session of the request's cookie and secret, if its token is still valid."""
        name = request.cookies.get(cookie_name(request), "")
        session = self._sessions.get(name)
        if session is None:
            return None
        if self._tokens.bearer(session.principal.id) is None or session.ends < time.monotonic():
            del self._sessions[name]
            return None
        shown = request.headers.get(SECRET_HEADER, "")
        return session if hmac.compare_digest(shown.encode(), session.secret.encode()) else None

    def close_session(self, request: Request) -> None:
        """End the session of the request, if it is its own page that asks."""
        if self.session(request) is not None:
            del self._sessions[request.cookies[cookie_name(request)]]

    def _identified(self, request: Request) -> Principal | None:
        found = super()._identified(request)
        if found is None and (session := self.session(request)) is not None:
            found = session.principal
        return found

    def _is_claimed(self, request: Request) -> bool:
        return super()._is_claimed(request) or cookie_name(request) in request.cookies


def is_secure(request: Request) -> bool:
    """Whether the browser speaks HTTPS, to us or to a proxy that is named."""
    return bool(request.scope.get("scheme") == "https")


def cookie_name(request: Request) -> str:
    """The session's cookie, which under HTTPS has a name that no plain page can set."""
    return SECURE_COOKIE if is_secure(request) else COOKIE


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
