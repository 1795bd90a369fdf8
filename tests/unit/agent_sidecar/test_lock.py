"""One sidecar at a time for one agent."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from agent_sidecar.lock import AlreadyRunning, exclusive
from fleet.contract.errors import FleetError


def test_a_second_holder_is_refused_and_told_who_holds_it(tmp_path: Path) -> None:
    second = exclusive(tmp_path / "state")
    with exclusive(tmp_path / "state"), pytest.raises(AlreadyRunning) as caught, second:
        pass
    assert str(os.getpid()) in caught.value.why


def test_it_is_free_again_afterwards(tmp_path: Path) -> None:
    with exclusive(tmp_path / "state"):
        pass
    with exclusive(tmp_path / "state"):
        pass


def test_a_folder_that_cannot_be_made_is_an_error_with_a_remedy(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(FleetError) as caught, exclusive(tmp_path / "file" / "state"):
        pass
    assert "FLEET_HOME" in caught.value.remedy
