"""The HTTP interface fuzzed from its own OpenAPI document, and below it by requests that are none:
nothing a caller of any role sends breaks it, and whatever is refused is refused in one shape."""

from __future__ import annotations

import contextlib
import json
import socket
import time
from collections.abc import Iterator
from pathlib import Path
from random import Random
from typing import Any, Final

import pytest
from hypothesis import HealthCheck, given, seed, settings
from hypothesis import strategies as st

from tests.support.broker import Mosquitto
from tests.support.fuzz import amount
from tests.support.served import ROLES, Served

schemathesis = pytest.importorskip("schemathesis", reason="schemathesis is not installed")
pytestmark = [pytest.mark.filterwarnings("ignore"), pytest.mark.timeout(1800)]

SEED: Final = 23

CALLERS: Final = (*ROLES, None, "fleet_not_a_token")
STREAM: Final = "/v1/events"
"""Answers without end."""


@pytest.fixture(scope="module")
def hub(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    folder: Path = tmp_path_factory.mktemp("http")
    broker = Mosquitto(folder / "broker").start()
    served = Served(folder / "home", broker).start()
    yield served
    served.stop()
    broker.stop()
    log = served.log.read_text()
    assert "Traceback" not in log, log[-3000:]


def operations(hub: Served) -> list[tuple[str, str]]:
    document = json.loads(json.dumps(hub.get("/v1/openapi.json")))
    return [(path, method) for path, item in document["paths"].items() for method in item]


def test_no_request_of_any_role_breaks_a_route(hub: Served) -> None:
    document = schemathesis.openapi.from_url(f"{hub.url}/v1/openapi.json")
    tried = operations(hub)
    assert len(tried) > 20
    statuses: set[int] = set()
    for path, method in tried:
        if path != STREAM:
            statuses |= fuzzed(hub, document[path][method.upper()])
    assert statuses >= {200, 401, 403, 422}


def fuzzed(hub: Served, operation: Any) -> set[int]:
    """The statuses that an operation answers with."""
    statuses: set[int] = set()

    @seed(SEED)
    @settings(
        max_examples=amount(6, 100), deadline=None, database=None,
        suppress_health_check=list(HealthCheck),
    )  # fmt: skip
    @given(data=st.data(), caller=st.sampled_from(CALLERS))
    def fuzz(data: st.DataObject, caller: str | None) -> None:
        case: Any = data.draw(operation.as_strategy())
        token = hub.tokens.get(caller or "", caller)
        headers = {"Authorization": f"Bearer {token}"} if token else {}
        response = case.call(base_url=hub.url, headers=headers)
        # Told to wait, and nothing was done yet; who has no token may wait for long.
        while response.status_code == 429 and caller in hub.tokens:
            time.sleep(1)
            response = case.call(base_url=hub.url, headers=headers)
        statuses.add(response.status_code)
        assert response.status_code < 500, (case, response.text)
        if response.status_code >= 400:
            kind = str(response.headers.get("content-type"))
            assert "problem+json" in kind, (response.status_code, response.text, case)

    fuzz()
    return statuses


@seed(SEED)
@settings(max_examples=amount(150, 5_000), deadline=None, suppress_health_check=list(HealthCheck))
@given(payload=st.binary(max_size=300))
def test_no_payload_breaks_publishing(hub: Served, payload: bytes) -> None:
    status, _, _ = hub.ask("POST", "/v1/publish/heartbeat", "agent:ada", payload)
    assert status in (202, 422, 429)


PARTS: Final = (
    b"GET ", b"POST ", b"/v1/agents", b"/v1/send", b"/", b"/%ff%00", b"/../../etc/passwd",
    b"?after=", b"9" * 4_500, b" HTTP/1.1\r\n",
    b" HTTP/1.0\r\n", b" HTTP/9.9\r\n", b"Host: localhost\r\n",
    b"Host: a\r\n", b"Content-Length: 5\r\n", b"Content-Length: -1\r\n", b"Content-Length: ",
    b"Transfer-Encoding: chunked\r\n", b"fffffffffffffffff\r\n", b"0\r\n\r\n",
    b"Connection: upgrade\r\n",
    b"Upgrade: websocket\r\n", b"Expect: 100-continue\r\n", b"Cookie: fleet_session=\xff\r\n",
    b"Authorization: Bearer \r\n", b"Authorization: Basic Og==\r\n", b"X: \x00\r\n", b" folded\r\n",
    b"Last-Event-ID: 1\r\n", b"Accept-Encoding: gzip;q=x\r\n", b"\r\n", b"\r\n\r\n",
    b"\n", b"\x16\x03\x01",
    b"Content-Type: application/json\r\n", b"[" * 5_000, b"{}",
    b"X-Forwarded-For: ::ffff:1,\xe4\r\n",
)  # fmt: skip


def test_no_bytes_on_a_connection_break_the_hub(hub: Served) -> None:
    """Each is sent, and half of them end there; a 5xx is an answer to nothing of it."""
    random = Random(SEED)
    for _ in range(amount(150, 5_000)):
        sent = b"".join(random.choices(PARTS, k=random.randrange(1, 9)))
        with (
            contextlib.suppress(OSError),
            socket.create_connection(("127.0.0.1", hub.port), 10) as caller,
        ):
            caller.settimeout(0.05)
            caller.sendall(sent)
            if random.random() < 0.5:
                caller.shutdown(socket.SHUT_WR)
            answer = caller.recv(4096)
            assert answer[9:10] != b"5", (sent, answer)
    assert hub.ask("GET", "/v1/agents")[0] == 200
