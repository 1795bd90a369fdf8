"""A round ends when all have answered or its time is up; a probe may wake one early."""

from __future__ import annotations

import os
from collections.abc import Iterator

import pytest

from agent_sidecar.probes.base import ProbeResult
from agent_sidecar.probes.rounds import DEAF, GRACE, Rounds
from fleet.contract.vocabulary import Check


class Watching:
    """A probe with a descriptor that stays readable."""

    plane, name, timeout, reads, ignores = "process", "p", 5.0, "", ""

    def __init__(self, descriptor: int, *, news: bool = True) -> None:
        self._descriptor = descriptor
        self._news = news

    def moves_to(self, descriptor: int) -> None:
        self._descriptor = descriptor

    def is_news(self) -> bool:
        return self._news

    def fileno(self) -> int:
        return self._descriptor

    def run(self) -> ProbeResult:
        return ProbeResult("process", Check.FAIL)


@pytest.fixture
def readable() -> Iterator[int]:
    read, write = os.pipe()
    os.write(write, b"x")
    yield read
    os.close(read)
    os.close(write)


def test_a_round_without_probes_is_over_at_once() -> None:
    rounds = Rounds([], lambda: None)
    rounds.start(0)
    assert rounds.running
    assert rounds.ended(0)
    assert not rounds.ended(0)


def test_a_round_is_over_when_its_time_is_up(readable: int) -> None:
    rounds = Rounds([Watching(readable)], lambda: None)
    rounds.start(0)
    assert rounds.ended(GRACE)
    rounds.close()


def test_a_descriptor_that_stays_readable_does_not_spin(readable: int) -> None:
    rounds = Rounds([Watching(readable)], lambda: None)
    assert rounds.descriptors(0) == [readable]
    rounds.woken({readable}, 10)
    assert rounds.running
    assert rounds.ended(10 + GRACE)
    assert rounds.descriptors(10 + DEAF / 2) == []
    assert rounds.due(10 + DEAF / 2) is not None
    assert rounds.descriptors(10 + DEAF) == [readable]
    rounds.close()


def test_what_no_probe_asked_for_wakes_nothing(readable: int) -> None:
    rounds = Rounds([Watching(readable)], lambda: None)
    rounds.woken({readable + 100}, 0)
    assert not rounds.running


def test_what_is_no_news_to_its_probe_starts_no_round_and_does_not_spin(readable: int) -> None:
    rounds = Rounds([Watching(readable, news=False)], lambda: None)
    rounds.woken({readable}, 10)
    assert not rounds.running
    assert rounds.descriptors(10 + DEAF / 2) == []
    assert rounds.descriptors(10 + DEAF) == [readable]


def test_another_descriptor_is_heard_while_one_is_not(readable: int) -> None:
    """A process that dies right after its start: its folder has just woken us."""
    probe = Watching(readable)
    rounds = Rounds([probe], lambda: None)
    rounds.woken({readable}, 10)
    assert rounds.running
    assert rounds.descriptors(10) == []
    other = os.dup(readable)
    try:
        probe.moves_to(other)
        assert rounds.descriptors(10.1) == [other]
        rounds.woken({other}, 10.1)
        assert rounds.descriptors(10.2) == []
        probe.moves_to(readable)
        assert rounds.descriptors(10.2) == [], "no two may take turns"
    finally:
        rounds.close()
        os.close(other)
