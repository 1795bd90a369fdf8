"""One request to a hub, made again when the hub says so: a test that looks again and again is a
caller like any other, and on a slow machine it is told to wait."""

from __future__ import annotations

import time
import urllib.error
import urllib.request
from collections.abc import Mapping
from email.message import Message
from http import HTTPStatus
from typing import NamedTuple

PATIENCE = 20.0
"""Seconds of being told to wait; the hub asks for a second at a time."""


class Answer(NamedTuple):
    status: int
    body: bytes
    headers: Message


def ask(
    url: str,
    method: str = "GET",
    data: bytes | None = None,
    headers: Mapping[str, str] | None = None,
    patience: float = PATIENCE,
) -> Answer:
    """The answer, whatever its status. One of 429 did nothing: it is asked for again when
    `Retry-After` is over, for `patience` seconds; without patience it is an answer too.

    Raises:
        OSError: nobody answers.
    """
    end = time.monotonic() + patience
    while True:
        answer = _once(url, method, data, headers or {})
        if answer.status != HTTPStatus.TOO_MANY_REQUESTS:
            return answer
        seconds = float(answer.headers["Retry-After"])
        if time.monotonic() + seconds > end:
            return answer
        time.sleep(seconds)


def _once(url: str, method: str, data: bytes | None, headers: Mapping[str, str]) -> Answer:
    request = urllib.request.Request(url, data, dict(headers), method=method)
    try:
        with urllib.request.urlopen(request, timeout=20) as response:
            return Answer(response.status, response.read(), response.headers)
    except urllib.error.HTTPError as error:
        with error:
            return Answer(error.code, error.read(), error.headers)
