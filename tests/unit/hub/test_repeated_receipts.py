"""Who is heard gets its last receipt again, once a minute; nobody is told of what is not stored."""

from __future__ import annotations

from math import inf
from types import SimpleNamespace
from typing import Any, cast

from fleet.contract.topics import Topics
from fleet.hub.counters import Counters
from fleet.hub.hub import Hub
from fleet.hub.receipts import Receipts
from fleet.hub.repeated_receipts import EVERY, NEWCOMERS, RepeatedReceipts
from tests.support.intake import ScriptedBus


class Fleet:
    """What a hub knows of its agents: the newest message of each."""

    def __init__(self) -> None:
        self.heard: dict[str, tuple[int, int] | None] = {}
        self.bus = ScriptedBus()
        self.receipts = Receipts(cast("Any", self.bus), Topics(), Counters())
        hub = SimpleNamespace(roster=self, receipts=self.receipts)
        self.service = RepeatedReceipts(cast("Hub", hub))

    def names(self) -> set[str]:
        return set(self.heard)

    @property
    def membership(self) -> int:
        return hash(frozenset(self.heard))

    def newest(self, agent: str) -> tuple[int, int] | None:
        return self.heard[agent]

    def a_minute(self) -> dict[tuple[str, int], int]:
        """What is said again in one."""
        for turn in range(EVERY):
            self.service.look(turn)
        said: dict[tuple[str, int], int] = {}
        while some := self.receipts.take(inf):
            said |= {(agent, boot): seq for agent, boot, seq in some}
        return said


def test_whoever_is_heard_hears_its_last_receipt_once_a_minute() -> None:
    fleet = Fleet()
    fleet.heard = {f"agent-{n}": (7, 5) for n in range(300)} | {"never": None}
    for n in range(300):
        fleet.receipts.note(f"agent-{n}", 7, 3)
    fleet.receipts._noted = {}
    assert fleet.a_minute() == {(f"agent-{n}", 7): 3 for n in range(300)}
    assert fleet.a_minute() == {}  # nobody spoke meanwhile
    fleet.heard["agent-4"] = (7, 6)
    assert fleet.a_minute() == {("agent-4", 7): 3}


def test_what_was_never_receipted_in_this_session_is_not() -> None:
    fleet = Fleet()
    fleet.heard = {"ada": (8, 2), "bob": (7, 2)}
    fleet.receipts.note("ada", 7, 9)  # its session before
    fleet.receipts._noted = {}
    assert fleet.a_minute() == {}


def test_of_who_is_gone_nothing_is_kept() -> None:
    fleet = Fleet()
    fleet.heard = {"ada": (7, 2)}
    fleet.receipts.note("ada", 7, 1)
    fleet.a_minute()
    fleet.heard = {}
    fleet.a_minute()
    assert not fleet.receipts._last
    assert not fleet.service._answered


def test_who_comes_within_a_minute_has_its_turn_in_the_next() -> None:
    fleet = Fleet()
    fleet.heard = {f"agent-{n}": (7, 5) for n in range(100)}
    for turn in range(15):
        fleet.service.look(turn)
    for n in range(100, 300):
        fleet.heard[f"agent-{n}"] = (7, 5)
        fleet.receipts.note(f"agent-{n}", 7, 3)
    fleet.receipts._noted = {}
    said = {}
    for turn in range(15, 15 + NEWCOMERS + EVERY):
        fleet.service.look(turn % EVERY)
        said |= {(agent, boot): seq for agent, boot, seq in fleet.receipts.take(inf)}
    assert said == {(f"agent-{n}", 7): 3 for n in range(100, 300)}
