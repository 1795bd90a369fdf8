"""A hub that refuses an output before it has all of it is heard, over TLS, too."""

from __future__ import annotations

import os
import socket
from pathlib import Path

import pytest

from agent_sidecar.work.exchange import Address, Source, ask
from tests.support.certificates import TestAuthority
from tests.support.http_stub import Stub, answer

SIZE = 12_000_000
"""Bytes that no socket's buffers hold."""


@pytest.mark.parametrize("secure", [False, True], ids=["plain", "tls"])
def test_an_output_that_is_refused_before_its_end_says_why(tmp_path: Path, secure: bool) -> None:
    authority = TestAuthority(tmp_path / "ca")
    context = authority.serving() if secure else None
    path = tmp_path / "output"

    def refuses(link: socket.socket, _path: str) -> None:
        link.sendall(answer({"detail": "too large"}, status="413 Content Too Large"))
        taken = 0
        while taken < SIZE // 12 and (piece := link.recv(65_536)):
            taken += len(piece)

    with Stub(refuses, context=context) as stub, path.open("wb+") as file:
        os.ftruncate(file.fileno(), SIZE)
        address = Address("127.0.0.1", stub.port, secure, authority.file if secure else None)
        said = ask(address, "PUT", "/", "token", source=Source(file.fileno(), SIZE, 0))
    assert (said.status, said.document()) == (413, {"detail": "too large"})
