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
from agent_sidecar.drop.watcher import RESCAN, DropWatcher
from fleet.contract.errors import FleetError
from fleet.contract.schema_validator import schema_validators
from fleet.contract.vocabulary import MessageKind

ALERT = {"code": "disk-pressure", "severity": "warning", "state": "firing"}

Open = Callable[..., DropWatcher]


class Received(list[dict[str, Any]]):
    """What a watcher delivered; all of it is safe."""

    def deliver(self, _kind: MessageKind, message: dict[str, Any]) -> bool:
        self.append(message)
        return True


@pytest.fixture
def got() -> Received:
    return Received()


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return tmp_path / "drop"


@pytest.fixture
def make(tmp_path: Path, folder: Path) -> Iterator[Open]:
    with ExitStack() as stack:

        def run(agent: str = "alpha") -> DropWatcher:
            given = {"FLEET_AGENT": agent, "FLEET_HOME": str(tmp_path), "FLEET_DROP": str(folder)}
            drop_watcher = DropWatcher(load({}, given), schema_validators())
            stack.callback(drop_watcher.close)
            return drop_watcher

        yield run


def put(folder: Path, name: str) -> None:
    (folder / f"alert-{name}.json").write_text(json.dumps(ALERT))


def test_a_folder_that_was_removed_and_made_again_is_taken_up_again(
    make: Open, folder: Path, got: Received
) -> None:
    drop_watcher = make()
    drop_watcher.look(0.0, got.deliver)
    shutil.rmtree(folder)
    folder.mkdir()
    put(folder, "late")
    drop_watcher.look(RESCAN, got.deliver)
    assert (folder / OWNER).read_text() == "alpha\n"
    assert drop_watcher.due is not None
    drop_watcher.look(drop_watcher.due, got.deliver)
    assert len(got) == 1
    assert drop_watcher.descriptors(), "the next message wakes it"


def test_what_lay_in_a_folder_that_was_moved_away_is_taken_up_first(
    make: Open, folder: Path, got: Received
) -> None:
    drop_watcher = make()
    put(folder, "old")
    folder.rename(folder.with_name("aside"))
    drop_watcher.look(0.0, got.deliver)
    assert len(got) == 1
    assert (folder / OWNER).exists()


def test_a_folder_that_cannot_be_had_back_is_said_once_and_tried_again(
    make: Open, folder: Path, got: Received, caplog: pytest.LogCaptureFixture
) -> None:
    drop_watcher = make()
    shutil.rmtree(folder)
    folder.write_text("in the way")
    for number in range(3):
        drop_watcher.look(number * RESCAN, got.deliver)
    assert [record.levelname for record in caplog.records] == ["WARNING"]
    assert drop_watcher.descriptors() == []
    folder.unlink()
    drop_watcher.look(3 * RESCAN, got.deliver)
    put(folder, "new")
    drop_watcher.look(4 * RESCAN, got.deliver)
    assert len(got) == 1


def test_a_mark_that_somebody_took_away_is_set_again(
    make: Open, folder: Path, got: Received
) -> None:
    drop_watcher = make()
    (folder / OWNER).unlink()
    drop_watcher.look(0.0, got.deliver)
    assert (folder / OWNER).exists()


def test_a_folder_that_another_sidecar_took_over_is_left_to_it(
    make: Open, folder: Path, got: Received, caplog: pytest.LogCaptureFixture
) -> None:
    first = make()
    shutil.rmtree(folder)
    make("beta")
    first.look(0.0, got.deliver)
    assert "the sidecar of beta takes up its messages" in caplog.text
    assert (folder / OWNER).read_text() == "beta\n"
    with pytest.raises(FleetError, match="the sidecar of beta"):
        make("gamma")
