"""Sessions of browsers, and what each route asks of a role. Deny by default: a route without a
role is no route.

A cookie belongs to a host name, whatever the port: the page of an agent on the same machine is
sent ours, and its server may do with it what it likes. So a cookie alone is nobody. Beside it
stands a secret that is told once, in the answer to the token, and that the page keeps where only
its own origin, port included, can read it.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable, Collection
from http import HTTPStatus
from typing import Final

from starlette.requests import Request

from fleet.browser_sessions import DAY, BrowserSessions, Opened, Session
from fleet.contract.errors import ConfigError
from fleet.http.auth import Authenticator, refuse_for, unusable
from fleet.http.problems import HttpProblem
from fleet.http.rate_limit import RateLimits
from fleet.tokens import Principal, Role, Tokens

COOKIE: Final = "fleet_session"
SECURE_COOKIE: Final = "__Host-fleet_session"
"""Under HTTPS: a browser takes it from this host alone, and never sends it in the open."""

SECRET_HEADER: Final = "x-session-secret"  # noqa: S105 - a name

COOKIE_SECONDS: Final = 400 * DAY
"""The longest that browsers keep one. The hub says when a session is over, not the browser."""

_SESSION: Final = "fleet.session"
"""Where an ASGI scope names the session that a request is of."""


class SessionAuthenticator(Authenticator):
    """Checks bearer tokens, and session cookies with the secret beside them."""

    def __init__(self, tokens: Tokens) -> None:
        super().__init__(tokens)
        self._ids = tokens.ids
        self._sessions = BrowserSessions(tokens.path.parent, tokens)
        self._sign_ins = RateLimits(per_second=1, burst=60)

    async def open_session(self, token: str, address: str) -> Opened:
        """Exchange a token for a session.

        Raises:
            HttpProblem: 401 for a bad token, 429 after too many.
        """
        principal = self.principal_of(token, address)
        refuse_for(self._sign_ins.wait(principal.id, time.monotonic()), "too many sign-ins")
        return await asyncio.to_thread(self._sessions.open, principal)

    def session(self, request: Request) -> Session | None:
        """The live session of the request's cookie and secret, if its token is still valid."""
        cookie = request.cookies.get(cookie_name(request), "")
        secret = request.headers.get(SECRET_HEADER, "")
        if not cookie or not secret:
            return None
        try:
            return self._sessions.find(cookie, secret)
        except ConfigError as error:
            raise unusable(error) from None

    async def stay(self, request: Request) -> Session | None:
        """The same, which lasts from now on."""
        if (session := self.session(request)) is not None:
            await asyncio.to_thread(self._sessions.use, session)
        return session

    async def close_session(self, request: Request) -> None:
        """End the session of the request, if it is its own page that asks."""
        if (session := self.session(request)) is not None:
            await asyncio.to_thread(self._sessions.end, [session.id])

    def valid_ids(self, among: Collection[str]) -> set[str]:
        """Those of `among` that are of tokens and sessions which are good.

        Raises:
            ConfigError: the file of tokens is not usable.
        """
        return self._ids(among) | self._sessions.live_ids(among)

    def _identified(self, request: Request) -> Principal | None:
        found = super()._identified(request)
        if found is None and (session := self.session(request)) is not None:
            request.scope[_SESSION] = session.id
            found = session.principal
        return found

    def _is_claimed(self, request: Request) -> bool:
        return super()._is_claimed(request) or cookie_name(request) in request.cookies


def session_id(request: Request) -> str:
    """The session by which whoever asks was let in; empty: it was none."""
    return str(request.scope.get(_SESSION, ""))


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
