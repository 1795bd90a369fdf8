"""Which offers of tasks a sidecar takes up, and how it counts the others."""

from __future__ import annotations

import json
from collections import Counter
from typing import Any

import pytest

from agent_sidecar.commands.task_offers import BURST, MAX_KNOWN, Offer, TaskOffers
from fleet.contract.schema_validator import schema_validators
from fleet.contract.timestamps import timestamp, ulid
from fleet.contract.vocabulary import MessageKind

NOON = 1_800_000_000.0
TASK = "01JZ0000000000000000000002"
TOPIC = "fleet/alpha/task"
VALIDATOR = schema_validators()[MessageKind.TASK]


class Desk:
    """Offers as they come in, at a clock that stands."""

    def __init__(self, *, trusted: bool = True) -> None:
        self.taken: list[Offer] = []
        self.dropped: Counter[str] = Counter()
        take = self.taken.append
        self.offers = TaskOffers(
            VALIDATOR, lambda *_: trusted, self.dropped, lambda offer, _now: take(offer)
        )

    def offer(
        self, *, retain: bool = False, wall: float = NOON, now: float = 0.0, **fields: Any
    ) -> None:
        body = {"id": TASK, "epoch": 0, "ts": timestamp(NOON), "ttl": 60, **fields}
        self.offers.receive(TOPIC, json.dumps(body).encode(), retain, wall, now)


def test_a_good_offer_is_handed_on_once():
    desk = Desk()
    desk.offer()
    desk.offer()
    assert desk.taken == [Offer(TASK, 0, NOON + 60)]
    assert desk.dropped == {"repeated-task": 1}


@pytest.mark.parametrize(
    ("reason", "how"),
    [
        ("retained-command", {"retain": True}),
        ("expired-task", {"wall": NOON + 61}),
        ("task-dated-ahead", {"wall": NOON - 301}),
        ("unknown-field", {"kind": "research"}),
        ("out-of-range", {"epoch": -1}),
    ],
)
def test_any_other_is_dropped_and_counted(reason: str, how: dict[str, Any]):
    desk = Desk()
    desk.offer(**how)
    assert desk.taken == []
    assert desk.dropped == {reason: 1}


def test_what_the_hub_did_not_sign_is_dropped():
    desk = Desk(trusted=False)
    desk.offer()
    assert desk.taken == []
    assert desk.dropped == {"untrusted-task": 1}


def test_a_newer_epoch_or_a_later_offer_of_the_same_is_news():
    desk = Desk()
    desk.offer(epoch=1)
    desk.offer(epoch=0, ts=timestamp(NOON + 5), wall=NOON + 6)
    desk.offer(epoch=1, ts=timestamp(NOON + 5), wall=NOON + 6)
    desk.offer(epoch=2)
    assert [offer.epoch for offer in desk.taken] == [1, 1, 2]
    assert desk.dropped == {"repeated-task": 1}


def test_a_flood_is_bounded_in_rate_and_in_memory():
    desk = Desk()
    for number in range(2 * MAX_KNOWN):
        desk.offer(id=ulid(NOON + number), now=0.0)
    assert len(desk.taken) == BURST
    desk = Desk()
    for number in range(2 * MAX_KNOWN):
        desk.offer(id=ulid(NOON + number), now=float(number))
    assert len(desk.taken) == 2 * MAX_KNOWN
    assert len(desk.offers._known) == MAX_KNOWN
