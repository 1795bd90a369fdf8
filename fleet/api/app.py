"""The HTTP application: guards, routes, and errors in one shape."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from http import HTTPStatus
from typing import Any, Final

from fastapi import FastAPI, Request, Response
from fastapi.exceptions import RequestValidationError
from starlette.exceptions import HTTPException
from starlette.middleware import Middleware

from fleet import __version__
from fleet.api.auth import SessionAuthenticator
from fleet.api.backend import Backend
from fleet.api.routes import (
    acknowledge,
    blobs,
    boards,
    departures,
    events,
    fleet,
    forecast,
    health,
    messages,
    names,
    page,
    pairs,
    rollouts,
    session,
    tasks,
    timelines,
)
from fleet.api.routes.work import on_blob_error, on_work_error
from fleet.domain.work.errors import WorkError
from fleet.http.connections import most_connections
from fleet.http.listeners import Listeners
from fleet.http.middleware import LOOPBACK, HttpGuard
from fleet.http.problems import HttpProblem
from fleet.http.revocations import Revocations
from fleet.rollouts.service import RolloutService
from fleet.store.port import StoreFullError, StoreUnavailableError
from fleet.tokens import Tokens
from fleet.work.blob_errors import BlobError
from fleet.work.service import WorkService

PAUSE: Final = 0.05
"""Seconds between two routers that are built: a hub that starts has other things to do."""

Inside = Callable[[SessionAuthenticator], Middleware]


def create_app(
    backend: Backend,
    tokens: Tokens,
    hosts: frozenset[str] = LOOPBACK,
    *,
    work: WorkService | None = None,
    rollouts_: RolloutService | None = None,
    open_metrics: bool = False,
    inside: Sequence[Inside] = (),
) -> FastAPI:
    """The application over `backend`.

    Args:
        hosts: the names it answers to.
        work: tasks, blobs and boards; None: it has none. rollouts_: likewise.
        open_metrics: whether `/metrics` asks callers on this machine for no token.
        inside: what stands between the guard and the routes, the innermost first.
    """
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
    app.state.work = work
    app.state.failover = None
    app.state.rollouts = rollouts_
    app.state.open_metrics = open_metrics
    app.state.listeners = Listeners(most_connections() // 2)
    app.state.authenticator = SessionAuthenticator(tokens)
    app.state.revocations = Revocations(app.state.authenticator.valid_ids)
    for router in (
        messages.router,
        fleet.router,
        names.router,
        departures.router,
        acknowledge.router,
        tasks.router,
        blobs.router,
        boards.router,
        pairs.router,
        rollouts.router,
        events.router,
        forecast.router,
        timelines.router,
        session.router,
        health.router,
        page.router,
    ):
        app.include_router(router)
    app.add_exception_handler(HttpProblem, _on_problem)
    app.add_exception_handler(RequestValidationError, _on_invalid)
    app.add_exception_handler(HTTPException, _on_http_error)
    app.add_exception_handler(StoreUnavailableError, _on_store_away)
    app.add_exception_handler(WorkError, on_work_error)
    app.add_exception_handler(BlobError, on_blob_error)
    for one in inside:
        between = one(app.state.authenticator)
        app.add_middleware(between.cls, *between.args, **between.kwargs)
    uploads = {"/v1/blobs/": work.blobs.limits.most} if work else {}
    app.add_middleware(HttpGuard, hosts=hosts, uploads=uploads)
    return app


async def build_routes(app: FastAPI, pause: float = PAUSE) -> None:
    """Build what FastAPI builds when a route is first looked for, a router at a time: all together
    take a tenth of a second, in which a hub hears nothing. Meanwhile who asks is served."""
    nowhere = {"type": "http", "method": "GET", "path": "/-", "headers": [], "app": app}
    for route in app.routes:
        route.matches(dict(nowhere))
        await asyncio.sleep(pause)


async def _on_problem(_: Request, problem: Exception) -> Response:
    assert isinstance(problem, HttpProblem)  # noqa: S101 - registered for this class only
    return problem.response()


async def _on_store_away(_: Request, error: Exception) -> Response:
    """Without what the store's own words may show."""
    full = isinstance(error, StoreFullError)
    return HttpProblem(
        HTTPStatus.SERVICE_UNAVAILABLE,
        "the store's disk is full" if full else "the store is away or does not answer",
        "again in a minute; the alerts of the hub say when it is there",
        headers={"Retry-After": "60"},
    ).response()


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
    remedy = "GET /v1/openapi.json lists every route"
    return HttpProblem(status, status.phrase, remedy, headers=error.headers).response()
