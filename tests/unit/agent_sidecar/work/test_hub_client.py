"""The hub over HTTP: its answers are judged, its refusals told apart, its absence waited for."""

from __future__ import annotations

import hashlib
import json
import os
import socketserver
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from agent_sidecar.work.exchange import Address
from agent_sidecar.work.hub import (
    BlobMismatch,
    BlobTooLarge,
    BlobUnavailable,
    Claim,
    Descriptor,
    HubAway,
    HubRefused,
    LeaseLost,
)
from agent_sidecar.work.hub_client import HttpHub
from fleet.contract.errors import ConfigError
from fleet.contract.work_vocabulary import TaskReason

TASK, CONTEXT = "01HZ0000000000000000000001", "01HY0000000000000000000000"
DIGEST = f"sha256:{hashlib.sha256(b'hello').hexdigest()}"
CLAIM = Claim(TASK, "job", CONTEXT, 3, 1, 60, 60, asked=100.0, started=1000.0)


class Answers(socketserver.ThreadingTCPServer):
    """Says `answer` to every request, and keeps what was asked."""

    allow_reuse_address = True
    daemon_threads = True
    answer = b""
    asked = b""


class Handler(socketserver.StreamRequestHandler):
    server: Answers

    def handle(self) -> None:
        head = b""
        while not head.endswith(b"\r\n\r\n"):
            head += self.rfile.readline()
        size = int(head.lower().split(b"content-length: ")[1].split(b"\r\n")[0])
        self.server.asked = head + self.rfile.read(size)
        self.wfile.write(self.server.answer)


@pytest.fixture
def server() -> Iterator[Answers]:
    with Answers(("127.0.0.1", 0), Handler) as running:
        thread = threading.Thread(target=running.serve_forever)
        thread.start()
        yield running
        running.shutdown()
        thread.join()


@pytest.fixture
def hub(server: Answers, tmp_path: Path) -> HttpHub:
    token = tmp_path / "token"
    token.write_text("t0ken\n")
    token.chmod(0o600)
    return HttpHub(Address("127.0.0.1", server.server_address[1], False), token)


def says(
    server: Answers, status: int, body: bytes | str = b"{}", length: int | None = None
) -> None:
    text = body.encode() if isinstance(body, str) else body
    size = len(text) if length is None else length
    server.answer = f"HTTP/1.1 {status} X\r\nContent-Length: {size}\r\n\r\n".encode() + text


def task(**more: Any) -> str:
    import json

    said = {
        "id": TASK, "context": CONTEXT, "kind": "job", "epoch": 3, "attempt": 1, "timeout": 60,
        "started": "2026-01-01T00:00:00.000Z", "lease_until": "2026-01-01T00:00:45.000Z",
        "input": [{"digest": DIGEST, "size": 5, "media_type": "text/plain"}], **more,
    }  # fmt: skip
    return json.dumps({"task": said, "grant": {}})


def test_a_lease_is_counted_from_when_we_asked_whatever_the_hubs_clock_says(
    server: Answers, hub: HttpHub
) -> None:
    says(server, 200, task())
    claim = hub.claim(TASK)
    assert claim is not None
    assert (claim.lease, claim.epoch, claim.input[0].digest) == (45.0, 3, DIGEST)
    assert server.asked.startswith(f"POST /v1/tasks/{TASK}/claim HTTP/1.0\r\n".encode())
    assert b"Authorization: Bearer t0ken\r\n" in server.asked


@pytest.mark.parametrize("status", [404, 409])
def test_what_somebody_else_has_is_not_claimed(server: Answers, hub: HttpHub, status: int) -> None:
    says(server, status)
    assert hub.claim(TASK) is None


@pytest.mark.parametrize(
    "more",
    [
        {"id": "../../etc"}, {"context": "x"}, {"epoch": "x"}, {"lease_until": None},
        {"input": [{"digest": "sha256:../x", "size": 5, "media_type": "text/plain"}]},
        {"input": [{"digest": DIGEST, "size": -1, "media_type": "text/plain"}]},
        {"input": [{"digest": DIGEST, "size": 2**60, "media_type": "text/plain"}]},
        {"input": [{"digest": DIGEST, "size": 5, "media_type": "text/html"}]},
    ],
)  # fmt: skip
def test_an_answer_that_no_hub_gives_is_refused(
    server: Answers, hub: HttpHub, more: dict[str, Any]
) -> None:
    says(server, 200, task(**more))
    with pytest.raises(HubRefused, match="none that we know"):
        hub.claim(TASK)


@pytest.mark.parametrize("body", ["", "[]", "x", '{"tasks": 3}', '{"tasks": [{}]}', "[" * 5000])
def test_a_list_that_is_none_is_refused(server: Answers, hub: HttpHub, body: str) -> None:
    says(server, 200, body)
    with pytest.raises(HubRefused):
        hub.offered()


@pytest.mark.parametrize(
    ("status", "kind"),
    [
        (409, LeaseLost), (401, HubRefused), (403, HubRefused), (422, HubRefused), (429, HubAway),
        (500, HubAway), (503, HubAway), (302, HubRefused),
    ],
)  # fmt: skip
def test_a_lost_lease_an_absence_and_a_refusal_are_told_apart(
    server: Answers, hub: HttpHub, status: int, kind: type[Exception]
) -> None:
    says(server, status, '{"detail": "so\\nit is"}')
    with pytest.raises(kind) as caught:
        hub.renew(CLAIM, 40)
    assert f"HTTP {status}" in str(caught.value)
    assert str(caught.value).count("\n") == 1


def test_a_renewal_says_how_long_from_now_and_whether_it_was_called_off(
    server: Answers, hub: HttpHub, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("agent_sidecar.machine_time.now", lambda: 110.0)
    says(server, 200, '{"lease_until": "1970-01-01T00:17:20.000Z", "cancel": true}')
    assert hub.renew(CLAIM, 40) == (30.0, True)
    assert b'{"epoch": 3, "progress": 40}' in server.asked
    hub.renew(CLAIM, 40, True)
    assert b'{"epoch": 3, "progress": 40, "result": true}' in server.asked


@pytest.mark.parametrize("stands_still", [True, False])
def test_a_lease_that_was_renewed_after_a_sleep_is_counted_as_one_lease(
    server: Answers, hub: HttpHub, monkeypatch: pytest.MonkeyPatch, stands_still: bool
) -> None:
    now = 110.0 if stands_still else 3700.0
    monkeypatch.setattr("time.monotonic", lambda: 110.0)
    monkeypatch.setattr("agent_sidecar.machine_time.now", lambda: now)
    says(server, 200, '{"lease_until": "1970-01-01T01:17:40.000Z"}')  # an hour later, and 60 s
    assert hub.renew(CLAIM, 40) == (60.0, False)


def test_the_hubs_clock_that_was_set_since_the_claim_is_no_part_of_a_lease(
    server: Answers, hub: HttpHub, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("agent_sidecar.machine_time.now", lambda: 110.0)
    moved = {"started": "1970-01-01T01:00:00.000Z", "lease_until": "1970-01-01T01:00:40.000Z"}
    says(server, 200, json.dumps(moved))
    assert hub.renew(CLAIM, 40) == (30.0, False)


@pytest.mark.parametrize(
    ("reason", "state"),
    [
        (TaskReason.ISOLATION_UNAVAILABLE, b"rejected"), (TaskReason.CANCEL_ASKED, b"canceled"),
        (TaskReason.OUT_OF_MEMORY, b"failed"),
    ],
)  # fmt: skip
def test_how_an_attempt_ended_is_told_in_two_words(
    server: Answers, hub: HttpHub, reason: TaskReason, state: bytes
) -> None:
    says(server, 200)
    hub.fail(CLAIM, reason)
    assert state in server.asked
    assert reason.value.encode() in server.asked


def test_an_input_is_written_and_verified(server: Answers, hub: HttpHub, tmp_path: Path) -> None:
    handle = os.open(tmp_path / "in", os.O_RDWR | os.O_CREAT)
    says(server, 200, b"hello")
    hub.read_blob(CLAIM, Descriptor(DIGEST, 5), handle)
    assert (tmp_path / "in").read_bytes() == b"hello"
    says(server, 200, b"hallo")
    with pytest.raises(BlobMismatch):
        hub.read_blob(CLAIM, Descriptor(DIGEST, 5), handle)
    says(server, 404)
    with pytest.raises(BlobUnavailable):
        hub.read_blob(CLAIM, Descriptor(DIGEST, 5), handle)
    os.close(handle)


@pytest.mark.parametrize(
    ("body", "length"), [(b"hello world", None), (b"hell", 5), (b"hello", 10**12)]
)
def test_an_input_that_is_cut_or_longer_than_it_may_be_is_not_taken(
    server: Answers, hub: HttpHub, tmp_path: Path, body: bytes, length: int | None
) -> None:
    handle = os.open(tmp_path / "in", os.O_RDWR | os.O_CREAT)
    says(server, 200, body, length)
    with pytest.raises(HubAway):
        hub.read_blob(CLAIM, Descriptor(DIGEST, 5), handle)
    os.close(handle)


@pytest.mark.parametrize(
    ("status", "body", "kind"),
    [
        (413, "{}", BlobTooLarge), (507, '{"code": "over-quota"}', BlobTooLarge),
        (507, '{"code": "disk-full"}', HubAway), (422, "{}", BlobMismatch),
    ],
)  # fmt: skip
def test_an_output_that_is_not_taken_says_why(
    server: Answers, hub: HttpHub, tmp_path: Path, status: int, body: str, kind: type[Exception]
) -> None:
    (tmp_path / "x").write_bytes(b"hello")
    handle = os.open(tmp_path / "x", os.O_RDONLY)
    says(server, status, body)
    with pytest.raises(kind):
        hub.store_blob(CLAIM, Descriptor(DIGEST, 5), handle)
    assert server.asked.endswith(b"\r\n\r\nhello")
    os.close(handle)


@pytest.mark.parametrize("answer", [b"", b"SSH-2.0\r\n\r\n", b"HTTP/1.1 abc\r\n\r\n", b"x" * 99])
def test_what_is_no_hub_is_an_absence(server: Answers, hub: HttpHub, answer: bytes) -> None:
    server.answer = answer
    with pytest.raises(HubAway) as caught:
        hub.offered()
    assert "Try: " in str(caught.value)


@pytest.mark.parametrize(
    ("text", "word"),
    [
        ("http://hub.example:8088", "in the open"), ("https://a:b@hub.example", "password"),
        ("hub.example", "https://HOST"), ("https://hub.example/v1", "https://HOST"),
        ("ftp://hub.example", "https://HOST"),
    ],
)  # fmt: skip
def test_an_address_that_is_none_or_gives_the_token_away_is_refused(text: str, word: str) -> None:
    with pytest.raises(ConfigError, match=word):
        Address.parse(text, None, plain_http=False)


def test_plain_http_is_for_this_machine_or_for_who_says_so() -> None:
    assert Address.parse("http://127.0.0.1:8088", None, plain_http=False).port == 8088
    assert not Address.parse("http://hub.example", None, plain_http=True).secure
    assert Address.parse("https://[::1]:8443", None, plain_http=False).header == "[::1]:8443"
