"""What becomes of a request at a hub that reads, where the hub that leads does not do it."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
from starlette.applications import Starlette
from starlette.middleware import Middleware
from starlette.testclient import TestClient

from fleet.api import forwarding
from fleet.api.auth import SessionAuthenticator
from fleet.api.forwarding import Forwarding
from fleet.http.middleware import LOOPBACK, HttpGuard
from fleet.store.port import StoreUnavailableError
from fleet.store.shared import Answer, Request, TooManyRequestsError
from fleet.tokens import Principal, Role, Tokens

Ask = Callable[..., tuple[int, str]]


class Outbox:
    """Nobody takes anything from it."""

    def __init__(self) -> None:
        self.put_in: list[Request] = []
        self.fault: Exception | None = None
        self.answer_to_give: Answer | None = None
        self.begun = False

    def put(self, request: Request, seconds: float) -> None:
        if self.fault:
            raise self.fault
        self.put_in.append(request)

    def answer_of(self, request: str) -> Answer | None:
        return self.answer_to_give

    def withdraw(self, request: str) -> bool:
        return not self.begun

    def take(self, limit: int) -> list[Request]:
        return []

    def answer(self, request: str, answer: Answer) -> None:
        raise NotImplementedError


@pytest.fixture
def outbox() -> Outbox:
    return Outbox()


@pytest.fixture
def ask(tmp_path: Path, outbox: Outbox, monkeypatch: pytest.MonkeyPatch) -> Ask:
    for name in ("PATIENCE", "DONE", "LOOK"):
        monkeypatch.setattr(forwarding, name, 0.01)
    tokens = Tokens(tmp_path)
    token, _ = tokens.create(Principal(Role.OPERATOR), "2026-01-01T00:00:00Z")
    between = Middleware(
        Forwarding,
        outbox=outbox,
        authenticator=SessionAuthenticator(tokens),
        seen=lambda: (0.0, 3.2),
        leader=lambda: "one/1/aa",
        is_link=lambda text: text == "good",
        own=lambda: "",
    )
    app = Starlette(middleware=[Middleware(HttpGuard, hosts=LOOPBACK), between])
    client = TestClient(app, base_url="http://localhost")

    def ask(method: str, path: str, bearer: str = token, **headers: str) -> tuple[int, str]:
        if bearer:
            headers["Authorization"] = f"Bearer {bearer}"
        answer = client.request(method, path, headers=headers)
        return answer.status_code, answer.headers.get("etag", "") + answer.text

    return ask


def test_what_the_leader_answers_is_the_answer(outbox: Outbox, ask: Ask) -> None:
    outbox.answer_to_give = Answer(201, "application/json", b'{"id":"x"}')
    assert ask("POST", "/v1/silences?a=b") == (201, '{"id":"x"}')
    [request] = outbox.put_in
    assert (request.role, request.path) == ("operator", "/v1/silences?a=b")


def test_the_condition_of_a_write_goes_along_and_the_version_comes_back(
    outbox: Outbox, ask: Ask
) -> None:
    outbox.answer_to_give = Answer(200, "", b"", {"etag": '"3"'})
    condition = {"If-Match": '"2"', "X-Other": "stays"}
    assert ask("PUT", "/v1/boards/c/s/n", **condition) == (200, '"3"')
    assert outbox.put_in[0].headers == {"if-match": '"2"'}


def test_what_nobody_begins_is_not_done_and_said_so(outbox: Outbox, ask: Ask) -> None:
    status, said = ask("POST", "/v1/send")
    assert (status, "nothing was done" in said) == (503, True)
    outbox.begun = True
    status, said = ask("POST", "/v1/send")
    assert (status, "may have been done" in said) == (504, True)


def test_too_much_or_no_store_is_said(outbox: Outbox, ask: Ask) -> None:
    outbox.fault = TooManyRequestsError()
    assert ask("POST", "/v1/send")[0] == 503
    outbox.fault = StoreUnavailableError("away")
    status, said = ask("POST", "/v1/send")
    assert (status, "the store is away" in said) == (503, True)


def test_strangers_leave_nothing_in_it(outbox: Outbox, ask: Ask) -> None:
    outbox.answer_to_give = Answer(204, "", b"")
    assert ask("POST", "/v1/send", "")[0] == 401
    assert ask("GET", "/v1/tasks", "guess")[0] == 401
    assert ask("POST", "/ack/bad", "")[0] == 401
    assert outbox.put_in == []
    assert ask("POST", "/ack/good", "")[0] == 204
    assert "one/1/aa" in ask("PUT", "/v1/blobs/sha256:00")[1]
    assert len(outbox.put_in) == 1
