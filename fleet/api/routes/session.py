"""Browser sessions: a token once, then a strict cookie and a CSRF token."""

from __future__ import annotations

from http import HTTPStatus

from fastapi import APIRouter, Request, Response

from fleet.api.auth import COOKIE, SESSION_SECONDS, BrowserSession, SessionAuthenticator
from fleet.api.schemas import SessionBody
from fleet.http.problems import HttpProblem

router = APIRouter(prefix="/v1/session", tags=["session"])


@router.post("")
async def open_session(body: SessionBody, request: Request, response: Response) -> dict[str, str]:
    """Exchange a token for a session cookie; the token goes in the body, never in a URL."""
    authenticator: SessionAuthenticator = request.app.state.authenticator
    address = request.client.host if request.client else "unknown"
    name, session = authenticator.open_session(body.token, address)
    response.set_cookie(
        COOKIE,
        name,
        max_age=SESSION_SECONDS,
        httponly=True,
        samesite="strict",
        secure=request.url.scheme == "https",
    )
    return _described(session)


@router.get("")
async def current(request: Request) -> dict[str, str]:
    """The session's role and CSRF token."""
    authenticator: SessionAuthenticator = request.app.state.authenticator
    session = authenticator.session(request)
    if session is None:
        raise HttpProblem(HTTPStatus.UNAUTHORIZED, "no session", "open one with a token")
    return _described(session)


@router.delete("", status_code=HTTPStatus.NO_CONTENT)
async def close(request: Request, response: Response) -> None:
    """End the session."""
    authenticator: SessionAuthenticator = request.app.state.authenticator
    authenticator.close_session(request)
    response.delete_cookie(COOKIE, httponly=True, samesite="strict")


def _described(session: BrowserSession) -> dict[str, str]:
    return {"role": session.principal.role.value, "csrf": session.csrf}
