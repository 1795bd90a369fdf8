"""The reactor sleeps until a moment, a descriptor or a wake-up from anywhere."""

from __future__ import annotations

import os
import threading

import pytest

from agent_sidecar.reactor import Reactor


@pytest.fixture
def reactor() -> Reactor:
    return Reactor()


def test_a_wake_up_from_another_thread_ends_the_wait(reactor: Reactor) -> None:
    threading.Thread(target=reactor.wake).start()
    assert reactor.wait(30, []) == set()


def test_a_call_from_another_thread_is_made_in_this_one(reactor: Reactor) -> None:
    made: list[threading.Thread] = []
    worker = threading.Thread(
        target=lambda: reactor.call(lambda: made.append(threading.current_thread()))
    )
    worker.start()
    reactor.wait(30, [])
    worker.join()
    reactor.wait(0, [])
    assert made == [threading.current_thread()]


def test_only_what_is_ready_is_named(reactor: Reactor) -> None:
    quiet, loud = os.pipe(), os.pipe()
    os.write(loud[1], b"x")
    assert reactor.wait(30, [quiet[0], loud[0]]) == {loud[0]}
    assert reactor.wait(0, [quiet[0]]) == set()
    for end in (*quiet, *loud):
        os.close(end)


def test_many_wake_ups_are_one(reactor: Reactor) -> None:
    for _ in range(100_000):
        reactor.wake()
    reactor.wait(30, [])


def test_a_wake_up_after_the_end_is_harmless(reactor: Reactor) -> None:
    reactor.close()
    reactor.wake()
