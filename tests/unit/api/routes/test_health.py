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
from fleet.tokens import Tokens


def scraped_from(host: str, folder: Path, **passed_on: str) -> bytes:
    app = SimpleNamespace(
        state=SimpleNamespace(authenticator=SessionAuthenticator(Tokens(folder / "tokens.json")))
    )
    headers = [(name.encode(), value.encode()) for name, value in passed_on.items()]
    scope = {"type": "http", "method": "GET", "headers": headers, "client": (host, 1), "app": app}
    hub: Any = SimpleNamespace(metrics=lambda _accept: (b"up 1\n", "text/plain"))
    return bytes(asyncio.run(metrics(Request(scope), hub)).body)


def test_metrics_are_open_on_the_hub_s_own_machine_and_to_nobody_else(tmp_path: Path) -> None:
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
