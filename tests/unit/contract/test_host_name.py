"""The name of a host as sockets take it."""

from __future__ import annotations

import socket

import pytest

from fleet.contract.host_name import for_socket


@pytest.mark.parametrize("host", ["127.0.0.1", "localhost"])
def test_a_name_in_ascii_finds_the_same_as_bytes(host: str) -> None:
    found = socket.getaddrinfo(for_socket(host), 1883, type=socket.SOCK_STREAM)
    assert found == socket.getaddrinfo(host, 1883, type=socket.SOCK_STREAM)
    assert isinstance(for_socket(host), bytes)


def test_another_name_stays_text_for_python_to_spell() -> None:
    assert for_socket("bücher.example") == "bücher.example"
