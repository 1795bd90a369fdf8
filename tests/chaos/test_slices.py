"""The short form of every scenario: what the whole proves at length must hold here too."""

from __future__ import annotations

import gc
import os
from pathlib import Path

import pytest

from tests.chaos.all import SCENARIOS
from tests.chaos.scenario import AbsentError, Scenario


# Links are cut on purpose here, and paho leaves the sockets of an attempt that failed to the
# garbage collector; it is asked at the end, so that no other test hears of them.
@pytest.mark.filterwarnings(
    "ignore::ResourceWarning", "ignore::pytest.PytestUnraisableExceptionWarning"
)
@pytest.mark.timeout(180)
@pytest.mark.parametrize("scenario", SCENARIOS, ids=lambda scenario: scenario.name)
def test_the_fleet_holds(scenario: Scenario, tmp_path: Path):
    if scenario.slow and os.environ.get("CI", "0") in ("", "0", "false"):
        pytest.skip(f"{scenario.slow}: CI=true, or sh scripts/chaos.sh --slice {scenario.name}")
    try:
        found = scenario.run(tmp_path / "world", True)
    except AbsentError as absent:
        pytest.skip(str(absent))
    gc.collect()
    assert found.held, found.seen
