"""An upload that broke off goes on where it did, for whoever began it and nobody else."""

from __future__ import annotations

import os
import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

import pytest

from agent_sidecar.work.exchange import Address
from agent_sidecar.work.hub import Claim, Descriptor, HubAway
from agent_sidecar.work.hub_client import HttpHub
from fleet import hub_content
from fleet.hub_client import HubClient, HubError
from tests.support.served import Served
from tests.support.waiting import wait_until
from tests.support.work_hub import AGENTS, WorkHub, digest_of

MIB = 2**20


@pytest.fixture(scope="module")
def hub(hub: Served) -> WorkHub:
    made = WorkHub(hub)
    made.enrol(*AGENTS)
    return made


class BreakingLink:
    """To the hub; a connection breaks when `most` bytes have gone through it."""

    def __init__(self, port: int, most: int) -> None:
        self.port, self.most = port, most
        self.passed: list[int] = []
        """Bytes of each connection."""
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.address = f"http://127.0.0.1:{self._listener.getsockname()[1]}"

    def run(self) -> None:
        while True:
            try:
                near, _ = self._listener.accept()
            except OSError:  # closed
                return
            with near, socket.create_connection(("127.0.0.1", self.port)) as far:
                self.passed.append(0)
                back = threading.Thread(target=self._carry_back, args=(far, near))
                back.start()
                with suppress(OSError):
                    while self.passed[-1] < self.most and (piece := _received(near)):
                        far.sendall(piece)
                        self.passed[-1] += len(piece)
                    if piece:  # it breaks; else the answer may still come
                        far.shutdown(socket.SHUT_RDWR)
                back.join()

    def close(self) -> None:
        self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()

    def _carry_back(self, far: socket.socket, near: socket.socket) -> None:
        with suppress(OSError):
            while piece := _received(far):
                near.sendall(piece)
            near.shutdown(socket.SHUT_RDWR)


def _received(end: socket.socket) -> bytes:
    try:
        return end.recv(65_536)
    except OSError:
        return b""


@contextmanager
def breaking(hub: WorkHub, most: int) -> Iterator[BreakingLink]:
    link = BreakingLink(hub.served.port, most)
    thread = threading.Thread(target=link.run)
    thread.start()
    try:
        yield link
    finally:
        link.close()
        thread.join()


def offset(hub: WorkHub, content: bytes, context: str, who: str) -> Any:
    """Where an upload goes on."""
    path = f"/v1/blobs/{digest_of(content)}?context={context}"
    status, said = hub.ask("PUT", path, who, b"", Content_Range=f"bytes */{len(content)}")
    assert status == 416, said
    return said["offset"]


def test_an_output_whose_link_breaks_in_the_middle_goes_on_where_it_broke(
    hub: WorkHub, tmp_path: Path
) -> None:
    content = os.urandom(5 * MIB)
    context = hub.new_id()
    claim = Claim(hub.new_id(), "research", context, 1, 1, 60.0, 60.0)
    token = tmp_path / "token"
    token.write_text(hub.served.tokens["worker"])
    token.chmod(0o600)
    (tmp_path / "output").write_bytes(content)
    one = Descriptor(digest_of(content), len(content))
    with breaking(hub, 3 * MIB) as link, (tmp_path / "output").open("rb") as file:
        side = HttpHub(Address.parse(link.address, None, plain_http=False), token)
        with pytest.raises(HubAway):
            side.store_blob(claim, one, file.fileno())
        wait_until(lambda: offset(hub, content, context, "worker") >= 2 * MIB, what="what came")
        assert offset(hub, content, hub.new_id(), "boss") == 0, "another one hears of nothing"
        link.passed.clear()
        side.store_blob(claim, one, file.fileno())
        assert sum(link.passed) < 4 * MIB
    path = f"/v1/blobs/{one.digest}?context={context}"
    assert hub.ask("HEAD", path, "worker")[0] == 200
    assert offset(hub, content, context, "worker") == 0, "nothing waits any more"


def test_a_large_input_of_the_command_line_goes_on_where_its_link_broke(
    hub: WorkHub, tmp_path: Path
) -> None:
    path = tmp_path / "large"
    path.write_bytes(content := os.urandom(5 * MIB))
    query = {"context": hub.new_id(), "group": "red"}
    shown: list[int] = []
    told: list[str] = []
    with breaking(hub, 3 * MIB) as link:
        client = HubClient(link.address, hub.served.tokens["operator"])
        one = hub_content.describe(path)
        hub_content.upload(lambda: client, path, one, query, shown.append, told.append)
        assert sum(link.passed) < 8 * MIB, "not all of it again"
    assert sum(shown) == len(content)
    assert told
    assert all("it goes on by itself" in line for line in told)
    address = f"/v1/blobs/{digest_of(content)}?context={query['context']}"
    assert hub.ask("HEAD", address, "operator")[0] == 200


def test_a_large_input_that_never_gets_through_is_told(
    hub: WorkHub, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(hub_content, "AWAY", 1.0)
    path = tmp_path / "large"
    path.write_bytes(os.urandom(2 * MIB))
    query = {"context": hub.new_id(), "group": "red"}
    named = hub_content.describe(path)
    moved, told = list[int](), list[str]()
    with breaking(hub, 1) as link:
        client = HubClient(link.address, hub.served.tokens["operator"])
        with pytest.raises(HubError):
            hub_content.upload(lambda: client, path, named, query, moved.append, told.append)


def test_a_part_that_does_not_fit_is_told_and_what_was_begun_waits_on(hub: WorkHub) -> None:
    content, context = os.urandom(2 * MIB), hub.new_id()
    path = f"/v1/blobs/{digest_of(content)}?context={context}"
    for said in ("bytes 0-5/9", "bytes 9-5/9", "items 0-1/2", "bytes */9"):
        assert hub.ask("PUT", path, "boss", b"1234", Content_Range=said)[0] == 400, said
    last = f"bytes {MIB}-{2 * MIB - 1}/{2 * MIB}"
    status, problem = hub.ask("PUT", path, "boss", content[MIB:], Content_Range=last)
    assert (status, problem["code"], problem["offset"]) == (416, "offset", 0)
    whole = f"bytes 0-{2 * MIB - 1}/{2 * MIB}"
    status, problem = hub.ask("PUT", path, "boss", bytes(2 * MIB), Content_Range=whole)
    assert (status, problem["code"]) == (422, "digest-mismatch")
    assert offset(hub, content, context, "boss") == 0, "what is wrong does not wait"
    assert hub.ask("PUT", path, "boss", content, Content_Range=whole)[0] == 201


def test_who_asks_where_to_go_on_hears_what_would_be_refused(hub: WorkHub) -> None:
    """Not only in an answer that a sender who is cut off does not read."""
    context, digest = hub.new_id(), digest_of(b"large")
    path = f"/v1/blobs/{digest}?context={context}"
    for size in (65 * MIB, 10**12):
        status, problem = hub.ask("PUT", path, "boss", b"", Content_Range=f"bytes */{size}")
        assert (status, problem["code"]) == (413, "too-large")
    assert hub.ask("HEAD", path, "boss")[0] == 404


def test_a_file_that_is_too_large_is_told_as_that(hub: WorkHub, tmp_path: Path) -> None:
    path, told = tmp_path / "large", list[str]()
    with path.open("wb") as stream:
        stream.truncate(65 * MIB)
    client = HubClient(hub.served.url, hub.served.tokens["operator"])
    query = {"context": hub.new_id(), "group": "red"}
    named = hub_content.describe(path)
    with pytest.raises(HubError, match="more than a blob may have"):
        hub_content.upload(lambda: client, path, named, query, lambda _more: None, told.append)
    assert told == []
