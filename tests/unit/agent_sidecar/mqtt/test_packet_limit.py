"""How large a packet may be, by what a broker states and by what it hangs up on."""

from __future__ import annotations

import pytest

from agent_sidecar.mqtt.packet_limit import FORGET_AFTER, SILENT_LOSSES, PacketLimit


@pytest.fixture
def limit() -> PacketLimit:
    made = PacketLimit()
    made.connected(None, 0.0)
    return made


def lose(limit: PacketLimit, *sizes: int, acked: int = 0, too_large: bool = False) -> None:
    """One link that ends with `sizes` on the way, of which the first `acked` were answered."""
    for mid, size in enumerate(sizes, 1):
        limit.sent(mid, size)
    for mid in range(1, acked + 1):
        limit.acked(mid)
    limit.lost(0.0, too_large=too_large, silent=not too_large)


def test_what_is_stated_holds_until_the_next_connection(limit: PacketLimit) -> None:
    limit.connected(350, 1.0)
    assert limit.takes(350)
    assert not limit.takes(351)
    limit.connected(None, 2.0)
    assert limit.takes(351)


def test_the_largest_on_the_way_is_what_was_too_large(limit: PacketLimit) -> None:
    lose(limit, 200, 500, 300, too_large=True)
    assert (limit.takes(499), limit.takes(500)) == (True, False)


def test_silence_tells_after_several_losses_of_one_size(limit: PacketLimit) -> None:
    for _ in range(SILENT_LOSSES - 1):
        lose(limit, 200, 500, acked=1)
    assert limit.takes(500)
    lose(limit, 200, 500, acked=1)
    assert not limit.takes(500)
    assert limit.takes(200)


def test_one_that_got_through_clears_the_suspicion(limit: PacketLimit) -> None:
    for _ in range(SILENT_LOSSES - 1):
        lose(limit, 500)
    lose(limit, 500, 200, acked=1)
    lose(limit, 500)
    assert limit.takes(500)


def test_a_link_that_ends_idle_tells_nothing(limit: PacketLimit) -> None:
    for _ in range(SILENT_LOSSES):
        lose(limit)
    assert limit.takes(1 << 20)


def test_a_guess_is_tried_again_after_a_while(limit: PacketLimit) -> None:
    for _ in range(SILENT_LOSSES):
        lose(limit, 500)
    limit.connected(None, FORGET_AFTER - 1)
    assert not limit.takes(500)
    limit.connected(None, FORGET_AFTER)
    assert limit.takes(500)
