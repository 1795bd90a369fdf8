"""When a run that ends by itself has waited long enough for commands."""

from __future__ import annotations

import pytest

from agent_sidecar.one_shot import LEAST_QUIET, QUIET, Purpose


@pytest.mark.parametrize("purpose", [Purpose.BEAT, Purpose.PUBLISH])
def test_who_looks_by_the_way_waits_as_the_broker_is_quick(purpose: Purpose) -> None:
    assert purpose.quiet(0.001) == LEAST_QUIET
    assert purpose.quiet(0.02) == pytest.approx(0.16)
    assert purpose.quiet(3.0) == QUIET


def test_who_came_for_commands_waits_in_full() -> None:
    assert Purpose.HANDLE.quiet(0.001) == QUIET
