"""An agent that was renamed in the middle of an update: its sidecar finds what it had begun."""

from __future__ import annotations

import dataclasses
from pathlib import Path

import pytest

from agent_sidecar.lock import exclusive
from agent_sidecar.work.update.commands import Commands
from agent_sidecar.work.update.journal import Journal, Note, Phase
from agent_sidecar.work.update.recovery import recover
from agent_sidecar.work.update.updater import Updater
from agent_sidecar.work.update_plan import UpdatePlan, parse
from fleet.contract import trusted_path
from fleet.contract.update_words import UpdateAction, UpdateOrder
from tests.support.updatable import Updatable

OLDER, ROLLOUT = "01JQ00000000000000000R0001", "01JQ00000000000000000R0002"


class Home:
    """An agent, its plan, and the folders of its sidecar by either name."""

    def __init__(self, folder: Path) -> None:
        self.agent = Updatable(folder / "agent")
        self.plan: UpdatePlan = parse(self.agent.with_state(), "work.toml")
        self.old, self.new = (folder / "sidecar" / name / "work" for name in ("ada", "lovelace"))
        for path in (self.old, self.new):
            trusted_path.make_folder(path)

    def begin(self, phase: Phase = Phase.CHANGING, **changes: str) -> None:
        """Ada's sidecar was killed in this phase of an update to 2.0."""
        note = Note(ROLLOUT, "2.0", "1.0", phase, self.plan.what)
        Journal(self.old).write(dataclasses.replace(note, **changes))
        (self.old / "snapshot").mkdir(exist_ok=True)
        (self.old / "snapshot" / "state").write_text("what it knew as ada\n")
        (self.agent.folder / "state").write_text("migrated\n")
        (self.agent.folder / "place").write_text("2.0\n")
        (self.agent.folder / "running").unlink()


@pytest.fixture
def home(tmp_path: Path) -> Home:
    return Home(tmp_path)


def test_what_was_begun_under_the_old_name_is_taken_back_under_the_new_one(home: Home) -> None:
    home.begin()
    (home.new / "snapshot").mkdir()
    (home.new / "snapshot" / "rest").write_text("of an older update\n")
    Journal(home.new).write(Note(OLDER, "1.0", "0.9", Phase.INSTALLED, home.plan.what))
    recover(home.plan, home.new)
    assert home.agent.runs == "1.0"
    assert (home.agent.folder / "state").read_text() == "what it knew as ada\n"
    found = Journal(home.new).read()
    assert found == Note(ROLLOUT, "2.0", "1.0", Phase.BACK, home.plan.what)
    assert Journal(home.old).read() is None
    recover(home.plan, home.new)
    recover(home.plan, home.old)
    assert home.agent.installed == ["1.0"]


def test_the_way_back_of_a_finished_update_is_known_under_the_new_name(home: Home) -> None:
    home.begin(Phase.INSTALLED)
    recover(home.plan, home.new)
    assert home.agent.installed == [], "nothing is half done"
    updater = Updater(home.plan, home.new, Commands(home.plan.timeout))
    order = UpdateOrder(UpdateAction.ROLL_BACK, "1.0", ROLLOUT, "2.0")
    assert updater.carry_out(order) is None, "1.0 is not in the list, and was there before"
    assert home.agent.runs == "1.0"


@pytest.mark.parametrize("changes", [{"what": "another agent"}, {"what": ""}, {"rollout": OLDER}])
def test_the_note_of_another_agent_and_an_older_one_stay_where_they_are(
    home: Home, changes: dict[str, str]
) -> None:
    home.begin(**changes)
    own = Note(OLDER, "1.0", "0.9", Phase.INSTALLED, home.plan.what)
    Journal(home.new).write(own)
    recover(home.plan, home.new)
    assert Journal(home.new).read() == own
    assert Journal(home.old).read()
    assert home.agent.installed == []


def test_who_is_at_work_under_the_old_name_keeps_its_note(home: Home) -> None:
    home.begin()
    with exclusive(home.old):
        recover(home.plan, home.new)
    assert (Journal(home.new).read(), home.agent.installed) == (None, [])
    recover(home.plan, home.new)
    assert home.agent.runs == "1.0"


def test_a_rename_that_changes_what_is_started_is_another_agent_for_all_we_know(
    home: Home,
) -> None:
    assert dataclasses.replace(home.plan, restart=("true",)).what != home.plan.what
    assert dataclasses.replace(home.plan, allow=("9.*",), timeout=1.0).what == home.plan.what
