"""Routes for machines: whom `/metrics` answers without a token."""

from __future__ import annotations

import asyncio
from http import HTTPStatus
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from starlette.requests import Request

from fleet.api.auth import SessionAuthenticator
from fleet.api.routes.health import FORWARDED, metrics
from fleet.http.problems import HttpProblem
from fleet.tokens import Principal, Tokens


def scraped_from(host: str, folder: Path, *, open_metrics: bool = True, **passed_on: str) -> bytes:
    authenticator = SessionAuthenticator(Tokens(folder))
    state = SimpleNamespace(authenticator=authenticator, open_metrics=open_metrics)
    app = SimpleNamespace(state=state)
    headers = [(name.encode(), value.encode()) for name, value in passed_on.items()]
    scope = {"type": "http", "method": "GET", "headers": headers, "client": (host, 1), "app": app}
    hub: Any = SimpleNamespace(metrics=lambda _accept: (b"up 1\n", "text/plain"))
    return bytes(asyncio.run(metrics(Request(scope), hub)).body)


def test_metrics_ask_everybody_for_a_token(tmp_path: Path) -> None:
    """An agent packs what it likes into its numbers, for another user of the machine."""
    for host in ("127.0.0.1", "::1", "192.0.2.7"):
        with pytest.raises(HttpProblem) as refused:
            scraped_from(host, tmp_path, open_metrics=False)
        assert refused.value.status == HTTPStatus.UNAUTHORIZED
        for role in ("scraper", "viewer"):
            token, _ = Tokens(tmp_path).create(Principal.parse(role), "2026-01-01T00:00:00Z")
            borne = {"authorization": f"Bearer {token}"}
            assert scraped_from(host, tmp_path, open_metrics=False, **borne) == b"up 1\n"
    token, _ = Tokens(tmp_path).create(Principal.parse("agent:ada"), "2026-01-01T00:00:00Z")
    with pytest.raises(HttpProblem) as refused:
        scraped_from("127.0.0.1", tmp_path, open_metrics=False, authorization=f"Bearer {token}")
    assert refused.value.status == HTTPStatus.FORBIDDEN


def test_opened_metrics_are_open_on_the_hub_s_own_machine_and_to_nobody_else(
    tmp_path: Path,
) -> None:
    for host in ("127.0.0.1", "127.8.8.8", "::1"):
        assert scraped_from(host, tmp_path) == b"up 1\n"
    for host in ("192.0.2.7", "2001:db8::1", "", "localhost"):
        with pytest.raises(HttpProblem) as refused:
            scraped_from(host, tmp_path)
        assert refused.value.status == HTTPStatus.UNAUTHORIZED


@pytest.mark.parametrize("header", FORWARDED)
def test_what_a_proxy_on_the_hub_s_machine_passes_on_is_not_of_that_machine(
    tmp_path: Path, header: str
) -> None:
    with pytest.raises(HttpProblem) as refused:
        scraped_from("127.0.0.1", tmp_path, **{header: "192.0.2.7"})
    assert refused.value.status == HTTPStatus.UNAUTHORIZED
