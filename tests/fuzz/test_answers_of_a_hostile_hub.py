"""What answers in a hub's place is no hub to be trusted: each answer is taken, or is one error."""

from __future__ import annotations

import json
import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from random import Random
from typing import Final

import pytest

from fleet import hub_client, plain_http
from fleet.commander import through_hub
from fleet.contract.errors import FleetError
from fleet.hub_client import HubClient
from tests.support.fuzz import amount

SEED: Final = 29

HEADS: Final = (
    b"HTTP/1.1 200 OK\r\n", b"HTTP/1.1 200 OK\r\n", b"HTTP/1.1 200 OK\r\n", b"HTTP/1.1 429 x\r\n",
    b"HTTP/1.1 503 x\r\n", b"HTTP/1.1 302 x\r\nLocation: http://127.0.0.1:9/\r\n",
    b"HTTP/1.1 999 x\r\n",
    b"HTTP/1.1 401 \x1b[2J\r\n", b"HTTP/0.9\r\n", b"ICY 200\r\n", b"", b"\x16\x03\x01",
    b"HTTP/1.1 100 x\r\n\r\n",
)  # fmt: skip
FIELDS: Final = (
    b"Content-Type: application/json\r\n", b"Content-Length: 10\r\n", b"Content-Length: -5\r\n",
    b"Content-Length: " + b"9" * 4_000 + b"\r\n", b"Transfer-Encoding: chunked\r\n",
    b"Retry-After: " + b"9" * 4_000 + b"\r\n", b"Retry-After: \xb2\r\n", b"Retry-After: soon\r\n",
    b"X: y\r\n" * 200, b"X" * 70_000 + b": y\r\n", b"\x00: \x00\r\n", b" folded\r\n",
)  # fmt: skip
BODIES: Final = (
    b"", b"{}", b"[]", b"null", b"[" * 20_000, b"9" * 5_000, b"\xff",
    b'{"detail":["\\u001b[2J"],"try":7}',
    b'{"detail":"a\\nTry: x","try":"\\u001b]0;x\\u0007"}', b'{"agents":7}',
    b'{"agents":[{"agent":7}]}',
    b"5\r\n{}\r\n", b"fffffffffffffffff\r\n", b'{"ready":false,"\\u001b[2J":false}', b"NaN",
)  # fmt: skip


@contextmanager
def answering(answers: list[bytes]) -> Iterator[str]:
    """A server that says one of these to each connection, in order; its address."""
    server = socket.create_server(("127.0.0.1", 0))

    def work() -> None:
        for answer in answers:
            with suppress(OSError):
                caller, _ = server.accept()
                with caller:
                    caller.recv(65_536)
                    caller.sendall(answer)

    threading.Thread(target=work, daemon=True).start()
    try:
        yield f"http://127.0.0.1:{server.getsockname()[1]}"
    finally:
        server.close()


@pytest.mark.timeout(900)
@pytest.mark.parametrize("near", [True, False])
def test_any_answer_in_place_of_a_hub_s_is_one_error_or_an_answer(
    monkeypatch: pytest.MonkeyPatch, near: bool
) -> None:
    monkeypatch.setattr(plain_http, "suits", lambda _url: near)
    monkeypatch.setattr(hub_client, "TIMEOUT", 0.5)  # of being told to wait, too
    random = Random(SEED)
    answers = [
        random.choice(HEADS) + b"".join(random.choices(FIELDS, k=random.randrange(0, 4))) + b"\r\n"
        + random.choice(BODIES)
        for _ in range(amount(400, 10_000))
    ]  # fmt: skip
    taken = refused = 0
    with answering(answers) as url:
        client = HubClient(url, "fleet_x")
        for answer in answers:
            told = ""
            try:
                client.get("/v1/agents")
                taken += 1
            except FleetError as error:
                told = str(error)
                refused += 1
            assert told.count("\n") <= 1, answer
            assert "\x1b" not in told, answer
    assert taken > 5
    assert refused > taken


def test_an_event_stream_of_a_stranger_ends_in_one_error() -> None:
    random = Random(SEED)
    for _ in range(amount(500, 20_000)):
        pieces = [
            b"data: " + random.choice(BODIES) + random.choice((b"\r\n\r\n", b"\n", b""))
            for _ in range(random.randrange(1, 5))
        ]
        waiting = iter([*pieces, b""])
        with suppress(FleetError):
            for events in through_hub._events(lambda _, waiting=waiting: next(waiting)):
                json.dumps(events)


def test_an_event_without_end_is_not_kept(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(through_hub, "MAX_ANSWER", 10_000)
    with pytest.raises(FleetError, match="without end"):
        list(through_hub._events(lambda _: b"x" * 1_000))
