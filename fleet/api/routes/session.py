"""Browser sessions: a token once, then a strict cookie and a secret in a header, both at a time."""

from __future__ import annotations

from http import HTTPStatus

from fastapi import APIRouter, Request, Response

from fleet import __version__
from fleet.api.auth import COOKIE_SECONDS, SessionAuthenticator, cookie_name, is_secure
from fleet.api.schemas import SessionBody
from fleet.browser_sessions import Session
from fleet.http.problems import HttpProblem

router = APIRouter(prefix="/v1/session", tags=["session"])


@router.post("")
async def open_session(body: SessionBody, request: Request, response: Response) -> dict[str, str]:
    """Exchange a token for a session: a cookie, and the secret that goes in `X-Session-Secret`
    beside it and is told here alone. The token goes in the body, never in a URL."""
    authenticator: SessionAuthenticator = request.app.state.authenticator
    address = request.client.host if request.client else "unknown"
    opened = await authenticator.open_session(body.token, address)
    _set_cookie(request, response, opened.cookie)
    return _told(opened.session) | {"secret": opened.secret}


@router.get("")
async def current(request: Request, response: Response) -> dict[str, str]:
    """The session's role, and the hub's version. It lasts from now on."""
    authenticator: SessionAuthenticator = request.app.state.authenticator
    session = await authenticator.stay(request)
    if session is None:
        raise HttpProblem(HTTPStatus.UNAUTHORIZED, "no session", "open one with a token")
    _set_cookie(request, response, request.cookies[cookie_name(request)])
    return _told(session)


@router.delete("", status_code=HTTPStatus.NO_CONTENT)
async def close(request: Request, response: Response) -> None:
    """End the session."""
    authenticator: SessionAuthenticator = request.app.state.authenticator
    await authenticator.close_session(request)
    response.delete_cookie(
        cookie_name(request), httponly=True, samesite="strict", secure=is_secure(request)
    )


def _told(session: Session) -> dict[str, str]:
    return {"role": session.principal.role.value, "version": __version__}


def _set_cookie(request: Request, response: Response, value: str) -> None:
    response.set_cookie(
        cookie_name(request),
        value,
        max_age=COOKIE_SECONDS,
        httponly=True,
        samesite="strict",
        secure=is_secure(request),
    )
