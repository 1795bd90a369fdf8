"""What a hub answers that waits for another one: that it lives, and who leads."""

from __future__ import annotations

from collections.abc import Callable
from http import HTTPStatus

from starlette.applications import Starlette
from starlette.middleware import Middleware
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from fleet.http.middleware import HttpGuard
from fleet.http.problems import HttpProblem


def create_standby(leader: Callable[[], str], hosts: frozenset[str]) -> Starlette:
    """The application; `leader` tells who leads, empty where that is not known."""

    async def healthz(_: Request) -> Response:
        return JSONResponse({"status": "ok", "role": "standby"})

    async def readyz(_: Request) -> Response:
        said = {"ready": False, "role": "standby", "leader": leader() or None}
        return JSONResponse(said, HTTPStatus.SERVICE_UNAVAILABLE.value)

    async def others(_: Request) -> Response:
        name = leader()
        return HttpProblem(
            HTTPStatus.SERVICE_UNAVAILABLE,
            "this hub is a standby" + (f": {name} leads" if name else "; its store is away"),
            "the same at the hub that leads",
            headers={"Retry-After": "5"},
        ).response()

    methods = ["GET", "POST", "PUT", "DELETE"]
    routes = [
        Route("/healthz", healthz),
        Route("/readyz", readyz),
        Route("/{path:path}", others, methods=methods),
    ]
    return Starlette(routes=routes, middleware=[Middleware(HttpGuard, hosts=hosts)])
