"""Who shows no good token is nobody, and who guesses has to wait."""

from __future__ import annotations

from http import HTTPStatus
from pathlib import Path

import pytest
from starlette.requests import Request

from fleet.http.auth import Authenticator
from fleet.http.problems import HttpProblem
from fleet.tokens import Principal, Role, Tokens

CREATED = "2026-01-01T00:00:00Z"


def request(authorization: str = "", cookie: str = "") -> Request:
    given = {"authorization": authorization, "cookie": cookie}
    headers = [(name.encode(), value.encode()) for name, value in given.items() if value]
    return Request(
        {"type": "http", "method": "GET", "headers": headers, "client": ("192.0.2.7", 1)}
    )


def refusal(authenticator: Authenticator, asked: Request) -> HttpProblem:
    with pytest.raises(HttpProblem) as refused:
        authenticator.principal(asked)
    return refused.value


def test_a_bearer_is_known_until_its_token_is_revoked(tmp_path: Path) -> None:
    tokens = Tokens(tmp_path)
    token, entry = tokens.create(Principal(Role.VIEWER), CREATED)
    authenticator = Authenticator(tokens)
    for spelled in (f"Bearer {token}", f"bearer  {token}"):
        assert authenticator.principal(request(spelled)) == Principal(Role.VIEWER, id=entry.id)
    tokens.revoke(entry.id)
    assert refusal(authenticator, request(f"Bearer {token}")).status == HTTPStatus.UNAUTHORIZED


@pytest.mark.parametrize("shown", ["", "Bearer", "Bearer ", "Basic TOKEN", "TOKEN"])
def test_anything_else_is_nobody(tmp_path: Path, shown: str) -> None:
    tokens = Tokens(tmp_path)
    token, _ = tokens.create(Principal(Role.ADMIN), CREATED)
    refused = refusal(Authenticator(tokens), request(shown.replace("TOKEN", token)))
    assert refused.status == HTTPStatus.UNAUTHORIZED
    assert refused.headers == {"WWW-Authenticate": "Bearer"}


def test_who_guesses_waits_and_a_good_token_from_there_is_good_all_the_same(tmp_path: Path) -> None:
    tokens = Tokens(tmp_path)
    token, _ = tokens.create(Principal(Role.VIEWER), CREATED)
    authenticator = Authenticator(tokens)
    refused = [refusal(authenticator, request("Bearer fleet_wrong")) for _ in range(20)]
    assert refused[0].status == HTTPStatus.UNAUTHORIZED
    assert refused[-1].status == HTTPStatus.TOO_MANY_REQUESTS
    assert int((refused[-1].headers or {})["Retry-After"]) > 0
    assert authenticator.principal(request(f"Bearer {token}")).role is Role.VIEWER


def test_who_shows_nothing_guesses_nothing(tmp_path: Path) -> None:
    authenticator = Authenticator(Tokens(tmp_path))
    asked = [refusal(authenticator, request()).status for _ in range(50)]
    assert set(asked) == {HTTPStatus.UNAUTHORIZED}


def test_a_cookie_is_no_token_at_a_door_without_sessions(tmp_path: Path) -> None:
    asked = request(cookie="fleet_session=anything")
    assert refusal(Authenticator(Tokens(tmp_path)), asked).status == HTTPStatus.UNAUTHORIZED


@pytest.mark.parametrize(
    "damage", ["{", "[]x", '[{"id": 1}]', "[1]", '[{"id": "1", "role": "king"']
)
def test_a_damaged_token_file_is_said_to_the_operator_and_lets_nobody_in(
    tmp_path: Path, damage: str, caplog: pytest.LogCaptureFixture
) -> None:
    tokens = Tokens(tmp_path)
    token, _ = tokens.create(Principal(Role.VIEWER), CREATED)
    authenticator = Authenticator(tokens)
    (tmp_path / "tokens.json").write_text(damage)
    refused = refusal(authenticator, request(f"Bearer {token}"))
    assert refused.status == HTTPStatus.SERVICE_UNAVAILABLE
    assert str(tmp_path) not in refused.detail + refused.remedy, "callers learn no path"
    assert "tokens.json is damaged" in caplog.text
    with pytest.raises(HttpProblem):
        authenticator.principal_of(token, "192.0.2.7")


def test_a_token_of_a_role_that_this_release_does_not_know_is_a_fault_of_the_hub(
    tmp_path: Path,
) -> None:
    tokens = Tokens(tmp_path)
    token, _ = tokens.create(Principal(Role.SCRAPER), CREATED)
    path = tmp_path / "tokens.json"
    path.write_text(path.read_text().replace('"scraper"', '"later"'))
    refused = refusal(Authenticator(Tokens(tmp_path)), request(f"Bearer {token}"))
    assert refused.status == HTTPStatus.SERVICE_UNAVAILABLE
