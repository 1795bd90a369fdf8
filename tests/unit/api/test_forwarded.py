"""What the hub that leads does for one that reads, it does with the rights of today."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest
from starlette.types import Receive, Scope, Send

from fleet.api import forwarded
from fleet.api.forwarded import answered
from fleet.http.auth import PRINCIPAL, BorneTokens
from fleet.store.shared import LEFT_AT_HOME, Answer, Request
from fleet.tokens import Principal, Role, Tokens

AT = "2026-01-01T00:00:00Z"


class App:
    """Keeps who asked."""

    def __init__(self) -> None:
        self.seen: list[Principal | None] = []
        self.headers: dict[bytes, bytes] = {}
        self.says = b""

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        self.seen.append(scope.get(PRINCIPAL))
        self.headers = dict(scope["headers"])
        headers = [(b"ETag", b'"3"'), (b"set-cookie", b"no=1")]
        await send({"type": "http.response.start", "status": 204, "headers": headers})
        await send({"type": "http.response.body", "body": self.says, "more_body": True})
        await send({"type": "http.response.body", "body": self.says})


@pytest.fixture
def app() -> App:
    return App()


def ask(app: App, home: Path, role: str, token: str) -> Answer:
    condition = {"if-match": '"2"'}
    request = Request("1", role, "", token, "PUT", "/v1/boards/c/s/n", "", b"", condition)
    return asyncio.run(answered(app, request, BorneTokens(Tokens(home))))


def test_a_token_has_the_rights_that_it_has_here_and_none_when_revoked(
    app: App, tmp_path: Path
) -> None:
    tokens = Tokens(tmp_path)
    _, entry = tokens.create(Principal(Role.VIEWER), AT)
    assert ask(app, tmp_path, "admin", entry.id).status == 204
    assert app.seen == [Principal(Role.VIEWER, "", entry.id)]
    tokens.revoke(entry.id)
    answer = ask(app, tmp_path, "admin", entry.id)
    assert (answer.status, b"revoked there" in answer.body) == (401, True)
    assert answer.kind == "application/problem+json"
    assert len(app.seen) == 1


def test_the_command_line_of_the_hub_that_reads_and_links_need_no_token_here(
    app: App, tmp_path: Path
) -> None:
    assert ask(app, tmp_path, "admin", LEFT_AT_HOME + "ab12").status == 204
    assert ask(app, tmp_path, "", "").status == 204
    assert app.seen == [Principal(Role.ADMIN, "", "ab12"), None]


def test_a_role_of_another_release_is_answered_and_ends_nothing(app: App, tmp_path: Path) -> None:
    assert ask(app, tmp_path, "owner", LEFT_AT_HOME + "ab12").status == 500
    assert app.seen == []


def test_the_condition_of_a_write_holds_and_its_version_is_told(app: App, tmp_path: Path) -> None:
    assert ask(app, tmp_path, "", "").headers == {"etag": '"3"'}
    assert app.headers[b"if-match"] == b'"2"'


def test_an_answer_too_large_for_the_store_is_said_in_its_place(
    app: App, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(forwarded, "MOST", 8)
    app.says = b"1234"
    assert ask(app, tmp_path, "", "").body == b"12341234"
    app.says = b"12345"
    answer = ask(app, tmp_path, "", "")
    assert (answer.status, b"larger than 8 bytes" in answer.body) == (502, True)
