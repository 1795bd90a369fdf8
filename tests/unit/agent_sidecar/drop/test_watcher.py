"""The hatch keeps its folder in sight, whatever happens to it."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest

from agent_sidecar.config import load
from agent_sidecar.drop.directory import OWNER
from agent_sidecar.drop.watcher import RESCAN, Hatch
from fleet.contract.errors import FleetError
from fleet.contract.schema_validator import judges
from fleet.contract.vocabulary import MessageKind

ALERT = {"code": "disk-pressure", "severity": "warning", "state": "firing"}

Open = Callable[..., Hatch]


@pytest.fixture
def got() -> list[dict[str, Any]]:
    return []


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return tmp_path / "drop"


@pytest.fixture
def make(tmp_path: Path, folder: Path, got: list[dict[str, Any]]) -> Iterator[Open]:
    with ExitStack() as stack:

        def deliver(_kind: MessageKind, message: dict[str, Any]) -> bool:
            got.append(message)
            return True

        def run(agent: str = "alpha") -> Hatch:
            given = {"FLEET_AGENT": agent, "FLEET_HOME": str(tmp_path), "FLEET_DROP": str(folder)}
            hatch = Hatch(load({}, given), judges(), deliver)
            stack.callback(hatch.close)
            return hatch

        yield run


def put(folder: Path, name: str) -> None:
    (folder / f"alert-{name}.json").write_text(json.dumps(ALERT))


def test_a_folder_that_was_removed_and_made_again_is_taken_up_again(
    make: Open, folder: Path, got: list[dict[str, Any]]
) -> None:
    hatch = make()
    hatch.look(0.0)
    shutil.rmtree(folder)
    folder.mkdir()
    put(folder, "late")
    hatch.look(RESCAN)
    assert (folder / OWNER).read_text() == "alpha\n"
    assert hatch.due is not None
    hatch.look(hatch.due)
    assert len(got) == 1
    assert hatch.descriptors(), "the next message wakes it"


def test_what_lay_in_a_folder_that_was_moved_away_is_taken_up_first(
    make: Open, folder: Path, got: list[dict[str, Any]]
) -> None:
    hatch = make()
    put(folder, "old")
    folder.rename(folder.with_name("aside"))
    hatch.look(0.0)
    assert len(got) == 1
    assert (folder / OWNER).exists()


def test_a_folder_that_cannot_be_had_back_is_said_once_and_tried_again(
    make: Open, folder: Path, got: list[dict[str, Any]], caplog: pytest.LogCaptureFixture
) -> None:
    hatch = make()
    shutil.rmtree(folder)
    folder.write_text("in the way")
    for number in range(3):
        hatch.look(number * RESCAN)
    assert [record.levelname for record in caplog.records] == ["WARNING"]
    assert hatch.descriptors() == []
    folder.unlink()
    hatch.look(3 * RESCAN)
    put(folder, "new")
    hatch.look(4 * RESCAN)
    assert len(got) == 1


def test_a_mark_that_somebody_took_away_is_set_again(make: Open, folder: Path) -> None:
    hatch = make()
    (folder / OWNER).unlink()
    hatch.look(0.0)
    assert (folder / OWNER).exists()


def test_a_folder_that_another_sidecar_took_over_is_left_to_it(
    make: Open, folder: Path, caplog: pytest.LogCaptureFixture
) -> None:
    first = make()
    shutil.rmtree(folder)
    make("beta")
    first.look(0.0)
    assert "the sidecar of beta takes up its messages" in caplog.text
    assert (folder / OWNER).read_text() == "beta\n"
    with pytest.raises(FleetError, match="the sidecar of beta"):
        make("gamma")
