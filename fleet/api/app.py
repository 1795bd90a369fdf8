"""The HTTP application: guards, routes, and errors in one shape."""

from __future__ import annotations

from http import HTTPStatus
from typing import Any

from fastapi import FastAPI, Request, Response
from fastapi.exceptions import RequestValidationError
from starlette.exceptions import HTTPException

from fleet import __version__
from fleet.api.auth import SessionAuthenticator
from fleet.api.backend import Backend
from fleet.api.listeners import Listeners
from fleet.api.routes import events, fleet, health, messages, page, session
from fleet.http.connections import most_connections
from fleet.http.middleware import LOOPBACK, HttpGuard
from fleet.http.problems import HttpProblem
from fleet.tokens import Tokens


def create_app(backend: Backend, tokens: Tokens, hosts: frozenset[str] = LOOPBACK) -> FastAPI:
    """The application over `backend`; `hosts` are the names it answers to."""
    app = FastAPI(
        title="Fleet hub",
        version=__version__,
        description="Operations yes, context no: the bus contract over HTTP.",
        docs_url=None,
        redoc_url=None,
        openapi_url="/v1/openapi.json",
        license_info={"name": "MIT"},
    )
    app.state.backend = backend
    app.state.listeners = Listeners(most_connections() // 2)
    app.state.authenticator = SessionAuthenticator(tokens)
    for router in (
        messages.router,
        fleet.router,
        events.router,
        session.router,
        health.router,
        page.router,
    ):
        app.include_router(router)
    app.add_exception_handler(HttpProblem, _on_problem)
    app.add_exception_handler(RequestValidationError, _on_invalid)
    app.add_exception_handler(HTTPException, _on_http_error)
    app.add_middleware(HttpGuard, hosts=hosts)
    return app


async def _on_problem(_: Request, problem: Exception) -> Response:
    assert isinstance(problem, HttpProblem)  # noqa: S101 - registered for this class only
    return problem.response()


async def _on_invalid(_: Request, error: Exception) -> Response:
    """422 that names places and kinds of faults, never the text that was sent."""
    assert isinstance(error, RequestValidationError)  # noqa: S101 - as above
    faults: list[dict[str, Any]] = [
        {"field": ".".join(_place(fault["loc"], fault["type"])), "fault": fault["type"]}
        for fault in error.errors()
    ]
    prose = any(fault["fault"] in ("extra_forbidden", "enum") for fault in faults)
    return HttpProblem(
        HTTPStatus.UNPROCESSABLE_ENTITY,
        "the request does not fit the contract",
        "GET /v1/openapi.json describes every field",
        errors=faults,
        clause="ADR-0005#free-text" if prose else "ADR-0005#closed-vocabulary",
    ).response()


def _place(location: tuple[Any, ...], fault: str) -> list[str]:
    """The path of a fault, the foreign name of an unknown field left out."""
    path = [str(part) for part in location]
    return [*path[:-1], "*"] if fault == "extra_forbidden" else path


async def _on_http_error(_: Request, error: Exception) -> Response:
    assert isinstance(error, HTTPException)  # noqa: S101 - as above
    status = HTTPStatus(error.status_code)
    return HttpProblem(status, status.phrase, headers=error.headers).response()
