"""What a first request would have the whole hub wait for is done before it comes."""

from __future__ import annotations

import inspect
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest
from fastapi import FastAPI
from fastapi.dependencies.models import Dependant
from fastapi.routing import APIRoute

from fleet.api import app as application
from fleet.api.app import build_routes, create_app
from fleet.tokens import Tokens


@pytest.fixture
def app(tmp_path: Path) -> FastAPI:
    no_backend: Any = None
    return create_app(no_backend, Tokens(tmp_path))


async def test_no_request_builds_a_route_that_was_built_before(
    app: FastAPI, monkeypatch: pytest.MonkeyPatch
) -> None:
    built: list[str] = []
    build = APIRoute.get_route_handler

    def counted(route: APIRoute) -> Any:
        built.append(route.path)
        return build(route)

    monkeypatch.setattr(APIRoute, "get_route_handler", counted)
    await build_routes(app, pause=0.0)
    before = len(built)
    assert before > 50
    transport = httpx.ASGITransport(app)
    async with httpx.AsyncClient(transport=transport, base_url="http://localhost") as client:
        for path in ("/v1/events", "/v1/stats", "/metrics", "/", "/v1/nothing"):
            await client.get(path)
    assert len(built) == before


def test_no_route_asks_a_thread_for_what_it_needs(app: FastAPI) -> None:
    """FastAPI calls what is no coroutine in a thread, whose answer waits for Python's lock."""
    calls = {call for router in _routers() for call in _calls(router)}
    assert len(calls) > 50
    assert {call for call in calls if not inspect.iscoroutinefunction(call)} == set()


def _routers() -> Iterator[Any]:
    for module in vars(application).values():
        if hasattr(module, "router"):
            yield module.router


def _calls(router: Any) -> Iterator[Any]:
    for route in router.routes:
        if isinstance(route, APIRoute):
            yield from _needed(route.dependant)


def _needed(dependant: Dependant) -> Iterator[Any]:
    yield dependant.call
    for one in dependant.dependencies:
        yield from _needed(one)
