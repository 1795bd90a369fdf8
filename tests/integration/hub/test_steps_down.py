"""A hub that finds that another leads steps down and waits for its turn, where it always was."""

from __future__ import annotations

import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from tests.support import postgres
from tests.support.broker import Mosquitto
from tests.support.hub import HubProcess
from tests.support.hub_http import ask
from tests.support.stores import PostgresPlace
from tests.support.waiting import wait_until

pytestmark = postgres.needs_postgres


@contextmanager
def wanting(address: str) -> Iterator[list[socket.socket]]:
    """Another program that takes `address` as soon as it is free; what it took."""
    host, port = address.split(":")
    taken: list[socket.socket] = []
    ended = threading.Event()

    def want() -> None:
        while not taken and not ended.wait(0.001):
            wanted = socket.socket()
            wanted.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            try:
                wanted.bind((host, int(port)))
            except OSError:
                wanted.close()
            else:
                taken.append(wanted)

    thread = threading.Thread(target=want)
    thread.start()
    try:
        yield taken
    finally:
        ended.set()
        thread.join()
        for one in taken:
            one.close()


@pytest.mark.timeout(180)
def test_who_steps_down_keeps_its_address(tmp_path: Path, broker: Mosquitto) -> None:
    place = PostgresPlace(tmp_path)
    home = tmp_path / "home"
    home.mkdir(mode=0o700)
    hub = HubProcess(home, broker, FLEET_STORE=str(place.server.address(place.name)))
    try:
        hub.start()
        with wanting(hub.http) as taken:
            place._run(
                "UPDATE leader_leases SET holder = 'another', epoch = epoch + 1,"
                " expires = clock_timestamp() + interval '3 s'"
            )
            wait_until(lambda: "this hub leads now" in hub.log or taken, what="its next turn")
            assert not taken, "the hub ends, since it finds its address taken"
            assert "this one steps down" in hub.log
            wait_until(lambda: ask(f"http://{hub.http}/readyz").status == 200, what="its answer")
        assert hub.stop() == 0
    finally:
        hub.kill()
