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
from fleet.api.routes.health import metrics
from fleet.http.problems import HttpProblem
from fleet.tokens import Tokens


def scraped_from(host: str, folder: Path) -> bytes:
    app = SimpleNamespace(
        state=SimpleNamespace(authenticator=SessionAuthenticator(Tokens(folder / "tokens.json")))
    )
    scope = {"type": "http", "method": "GET", "headers": [], "client": (host, 1), "app": app}
    hub: Any = SimpleNamespace(metrics=lambda _accept: (b"up 1\n", "text/plain"))
    return bytes(asyncio.run(metrics(Request(scope), hub)).body)


def test_metrics_are_open_on_the_hub_s_own_machine_and_to_nobody_else(tmp_path: Path) -> None:
    for host in ("127.0.0.1", "127.8.8.8", "::1"):
        assert scraped_from(host, tmp_path) == b"up 1\n"
    for host in ("192.0.2.7", "2001:db8::1", "", "localhost"):
        with pytest.raises(HttpProblem) as refused:
            scraped_from(host, tmp_path)
        assert refused.value.status == HTTPStatus.UNAUTHORIZED
