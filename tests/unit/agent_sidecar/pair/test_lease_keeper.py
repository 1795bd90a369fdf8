"""Which leases count, and until when."""

from __future__ import annotations

from typing import Any

import pytest

from agent_sidecar.pair.lease_keeper import Role, judged
from fleet.contract.vocabulary import PairRole


class OwnSession:
    boot = 5

    def sent_at(self, seq: int) -> float | None:
        return {7: 100.0, 8: 110.0}.get(seq)


SESSION = OwnSession()


def lease(**other: Any) -> dict[str, Any]:
    return {"pair": "p", "role": "active", "epoch": 3, "ttl": 30, "boot": 5, "seq": 7, **other}


def test_a_lease_lasts_from_the_message_that_it_answers_and_not_from_its_arrival() -> None:
    role = judged(Role(), lease(), SESSION, "start", 125.0)
    assert role == Role(3, PairRole.ACTIVE, 130.0, "start")
    assert role.may_be_active("start", 129.9, fence=True)
    assert not role.may_be_active("start", 130.0, fence=True)
    assert role.may_be_active("start", 130.0, fence=False)
    assert not role.may_be_active("another start", 110.0, fence=True)
    assert judged(role, lease(seq=8), SESSION, "start", 125.0) == Role(
        3, PairRole.ACTIVE, 140.0, "start"
    )


@pytest.mark.parametrize(
    ("said", "now", "why"),
    [
        ({}, 130.0, "lease-over"),
        ({"boot": 4}, 101.0, "lease-of-another-session"),
        ({"seq": 6}, 101.0, "lease-for-nothing-sent"),
        ({"epoch": 1}, 101.0, "old-epoch"),
        ({"ttl": 604_800}, 221.0, "lease-over"),
    ],
)
def test_what_waited_or_is_not_ours_is_dropped(said: dict[str, Any], now: float, why: str) -> None:
    kept = Role(2, PairRole.FENCED, 0.0, "start")
    assert judged(kept, lease(**said), SESSION, "start", now) == why


def test_any_other_role_ends_being_active_at_once() -> None:
    active = Role(3, PairRole.ACTIVE, 130.0, "start")
    found = judged(active, lease(role="fenced", epoch=4, boot=1), SESSION, "start", 101.0)
    assert isinstance(found, Role)
    assert not found.may_be_active("start", 101.0, fence=False)
    assert Role.of_json(found.to_json()) == found
