"""What is of one site, asked for at another one's hub."""

from __future__ import annotations

from http import HTTPStatus
from pathlib import Path
from typing import Any

import pytest
from starlette.applications import Starlette
from starlette.middleware import Middleware
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route
from starlette.testclient import TestClient

from fleet.api.auth import SessionAuthenticator
from fleet.api.of_one_site import OfOneSite
from fleet.domain.work.errors import UnknownTaskError
from fleet.http.middleware import LOOPBACK, HttpGuard
from fleet.http.problems import HttpProblem
from fleet.tokens import Principal, Role, Tokens

ID = "01JZ0000000000000000000000"


async def missing(_: Request) -> Response:
    error = UnknownTaskError(ID)
    return HttpProblem(HTTPStatus.NOT_FOUND, error.what, error.remedy).response()


async def made(request: Request) -> Response:
    return JSONResponse(await request.json(), 201)


class Asked:
    """A hub of berlin; ada is an agent of lima."""

    def __init__(self, home: Path, others: tuple[str, ...]) -> None:
        tokens = Tokens(home)
        self._token, _ = tokens.create(Principal(Role.OPERATOR), "2026-01-01T00:00:00Z")
        between = Middleware(
            OfOneSite,
            authenticator=SessionAuthenticator(tokens),
            site_of=lambda name: "lima" if name == "ada" else "",
            others=lambda: others,
            own="berlin",
        )
        paths = ("/v1/tasks", "/v1/pairs", "/v1/rollouts")
        routes = [Route(path, made, methods=["POST"]) for path in paths]
        routes.append(Route("/v1/tasks/{id}", missing))
        middleware = [Middleware(HttpGuard, hosts=LOOPBACK), between]
        self._client = TestClient(Starlette(routes=routes, middleware=middleware),
                                  base_url="http://localhost")  # fmt: skip

    def __call__(self, method: str, path: str, body: Any = None, *, known: bool = True) -> Any:
        headers = {"Authorization": f"Bearer {self._token}"} if known else {}
        answer = self._client.request(method, path, json=body, headers=headers)
        return answer.status_code, answer.json()


@pytest.fixture
def ask(tmp_path: Path) -> Asked:
    return Asked(tmp_path, ("lima", "paris"))


def test_a_task_that_is_not_here_may_be_elsewhere(ask: Asked) -> None:
    status, told = ask("GET", f"/v1/tasks/{ID}")
    assert status == 404
    assert told["detail"].startswith(f"there is no task {ID}")
    assert told["detail"].endswith("at the site berlin")
    assert told["try"] == (
        "the same at a hub of lima or paris, where it may be: FLEET_HUB=https://HUB;"
        " a task is of one site, and this is berlin"
    )


def test_without_sites_nothing_is_added(tmp_path: Path) -> None:
    status, told = Asked(tmp_path, ())("GET", f"/v1/tasks/{ID}")
    assert (status, told["try"]) == (404, "fleet task list")


@pytest.mark.parametrize(
    ("path", "body", "what"),
    [
        ("/v1/tasks", {"kind": "k", "to": "ada"}, "a task"),
        ("/v1/pairs", {"name": "p", "active": "bob", "standby": "ada"}, "a pair"),
        ("/v1/rollouts", {"agents": ["bob", "ada"]}, "a rollout"),
    ],
)
def test_what_names_another_sites_agent_is_refused_by_its_name(
    ask: Asked, path: str, body: Any, what: str
) -> None:
    status, told = ask("POST", path, body)
    assert (status, told["detail"]) == (
        422, f"ada is an agent of the site lima, and {what} is of one site: nothing was done",
    )  # fmt: skip
    assert told["try"].startswith("the same at a hub of lima")
    assert ask("POST", path, body, known=False)[0] == 401


def test_what_is_of_this_site_goes_through_whole(ask: Asked) -> None:
    body = {"kind": "k", "to": "bob", "input": "x" * 1000}
    assert ask("POST", "/v1/tasks", body) == (201, body)
    for odd in ([], "ada", {"to": 3}):
        assert ask("POST", "/v1/tasks", odd) == (201, odd)
