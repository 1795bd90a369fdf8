"""What the hub refuses, in words for a command line."""

from __future__ import annotations

import io
import json
import urllib.error
from email.message import Message

import pytest

from fleet.client import _refused


def refused(status: int, body: bytes) -> str:
    error = urllib.error.HTTPError("http://hub/", status, "", Message(), io.BytesIO(body))
    return str(_refused(error))


@pytest.mark.parametrize(
    ("body", "said"),
    [
        ({"detail": "there is no such agent", "try": "GET /v1/agents"}, "Try: fleet status"),
        ({"detail": "no", "try": "fleet token create"}, "Try: fleet token create"),
        ({"ready": False, "broker": False, "store": True}, "the hub is not ready: no broker"),
    ],
)
def test_the_hubs_remedies_become_commands(body: dict[str, object], said: str) -> None:
    assert said in refused(503, json.dumps(body).encode())


def test_an_answer_that_is_not_json_is_told_by_its_status() -> None:
    assert "HTTP 502" in refused(502, b"<html>")
