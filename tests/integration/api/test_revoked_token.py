"""A revoked token is worthless at once: also to whom it let in before."""

from __future__ import annotations

import http.client
import json
from collections.abc import Iterator
from contextlib import closing, contextmanager

from fleet.tokens import Principal, Tokens
from tests.support.served import Served, fleet

SILENT = 12
"""Seconds: less than between two pings, so that a stream that lives on is seen to."""


def _made(hub: Served, role: str) -> tuple[str, str]:
    """(token, id) of one of its own: another test uses the hub's."""
    secret, entry = Tokens(hub.home).create(Principal.parse(role), "2026-01-01T00:00:00Z")
    return secret, entry.id


@contextmanager
def _stream(hub: Served, **headers: str) -> Iterator[http.client.HTTPResponse]:
    connection = http.client.HTTPConnection("127.0.0.1", hub.port, timeout=SILENT)
    connection.request("GET", "/v1/events", headers=headers)
    with closing(connection), connection.getresponse() as response:
        assert response.status == 200
        yield response


def test_a_stream_a_session_and_a_request_end_with_their_token(hub: Served) -> None:
    secret, token_id = _made(hub, "operator")
    status, opened, headers = hub.ask("POST", "/v1/session", None, {"token": secret})
    assert status == 200
    session = {
        "Cookie": headers["set-cookie"].partition(";")[0],
        "X-Session-Secret": opened["secret"],
    }
    with (
        _stream(hub, Authorization=f"Bearer {secret}") as by_token,
        _stream(hub, **session) as by_session,
        _stream(hub, Authorization=f"Bearer {hub.tokens['viewer']}") as of_another,
    ):
        done = fleet("token", "revoke", token_id, environ=hub.environ)
        assert done.returncode == 0, done.stderr
        for stream in (by_token, by_session):
            stream.read()  # to its end; a stream that lives on makes this time out
        assert hub.ask("GET", "/v1/stats", secret)[0] == 401
        assert hub.ask("GET", "/v1/stats", None, headers=session)[0] == 401
        assert hub.ask("POST", "/v1/send", secret, {"verb": "health-check"})[0] == 401
        payload = {"ok": True, "ts": "2026-03-18T21:30:00Z"}
        assert hub.ask("POST", "/v1/publish/heartbeat", "agent:ada", payload)[0] == 202
        names = (line for line in of_another if line.startswith(b"data: "))
        assert json.loads(next(names).removeprefix(b"data: "))  # this one hears on


def test_a_session_that_is_ended_ends_its_stream_and_its_token_signs_in_again(hub: Served) -> None:
    secret, _ = _made(hub, "viewer")
    status, opened, headers = hub.ask("POST", "/v1/session", None, {"token": secret})
    assert status == 200
    session = {
        "Cookie": headers["set-cookie"].partition(";")[0],
        "X-Session-Secret": opened["secret"],
    }
    told = fleet("token", "sessions", "-o", "json", environ=hub.environ)
    mine = json.loads(told.stdout)[-1]
    assert mine["role"] == "viewer"
    assert opened["secret"] not in told.stdout
    with (
        _stream(hub, **session) as by_session,
        _stream(hub, Authorization=f"Bearer {secret}") as by_token,
    ):
        done = fleet("token", "sign-out", mine["id"], environ=hub.environ)
        assert done.returncode == 0, done.stderr
        by_session.read()  # to its end
        assert hub.ask("GET", "/v1/session", None, headers=session)[0] == 401
        beat = {"ok": True, "ts": "2026-03-18T21:31:00Z"}
        assert hub.ask("POST", "/v1/publish/heartbeat", "agent:ada", beat)[0] == 202
        assert next(line for line in by_token if line.startswith(b"data: "))
    assert hub.ask("POST", "/v1/session", None, {"token": secret})[0] == 200
    again = fleet("token", "sign-out", mine["id"], environ=hub.environ)
    assert "Try: fleet token sessions" in again.stderr
