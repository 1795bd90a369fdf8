"""Updates by real commands, good and bad; whatever happens, something runs in the end."""

from __future__ import annotations

import logging
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from agent_sidecar.work.update.commands import Commands
from agent_sidecar.work.update.explain import explained
from agent_sidecar.work.update.journal import Journal, Note, Phase
from agent_sidecar.work.update.recovery import recover
from agent_sidecar.work.update.updater import Updater
from agent_sidecar.work.update_plan import Rollback, UpdatePlan, parse
from fleet.contract.errors import ConfigError
from fleet.contract.update_words import UpdateAction, UpdateOrder, UpdateStep
from fleet.contract.work_vocabulary import TaskReason
from tests.support.updatable import Updatable

ROLLOUT = "01JQ00000000000000000R0001"


class Bench:
    """An agent, its plan, and a sidecar's folder."""

    def __init__(self, folder: Path) -> None:
        self.agent = Updatable(folder / "agent")
        self.state = folder / "state"
        self.state.mkdir(mode=0o700)
        self.steps: list[UpdateStep] = []
        self.plan: UpdatePlan = parse(self.agent.table(), "work.toml")

    def order(self, version: str, action: UpdateAction = UpdateAction.INSTALL, leaving: str = "",
              **more: Any) -> TaskReason | None:  # fmt: skip
        commands = Commands(self.plan.timeout)
        updater = Updater(self.plan, self.state, commands, self.steps.append, **more)
        return updater.carry_out(UpdateOrder(action, version, ROLLOUT, leaving))

    def back(self, version: str = "1.0", leaving: str = "2.0") -> TaskReason | None:
        return self.order(version, UpdateAction.ROLL_BACK, leaving)


@pytest.fixture
def bench(tmp_path: Path) -> Bench:
    return Bench(tmp_path)


def test_a_good_version_is_installed_started_and_looked_at(bench: Bench) -> None:
    assert bench.order("2.0") is None
    assert (bench.agent.runs, bench.agent.installed) == ("2.0", ["2.0"])
    assert bench.steps == [
        UpdateStep.PRECHECK, UpdateStep.SNAPSHOT, UpdateStep.INSTALLING, UpdateStep.VERIFYING,
    ]  # fmt: skip
    assert [step.percent for step in bench.steps] == [5, 25, 45, 65]


@pytest.mark.parametrize("version", ["bad-install", "bad-start", "bad-verify"])
def test_a_bad_version_goes_back_at_once(bench: Bench, version: str) -> None:
    assert bench.order(version) is TaskReason.ROLLED_BACK
    assert bench.agent.runs == "1.0"
    assert bench.steps[-1] is UpdateStep.ROLLING_BACK


def test_a_way_back_that_fails_is_said_loudly_and_something_runs(
    bench: Bench, caplog: pytest.LogCaptureFixture
) -> None:
    assert bench.order("no-way-back") is TaskReason.ROLLBACK_FAILED
    assert bench.agent.runs == "no-way-back", "never stopped"
    assert "ROLLBACK FAILED" in caplog.text
    assert [one.levelno for one in caplog.records][-1] == logging.CRITICAL


def test_where_there_is_no_way_back_that_is_no_rollback(bench: Bench) -> None:
    bench.plan = parse(bench.agent.table(rollback="none"), "work.toml")
    assert bench.order("bad-verify") is TaskReason.ROLLBACK_FAILED
    assert bench.agent.runs == "bad-verify"


@pytest.mark.parametrize(
    ("version", "reason"),
    [("3.0", TaskReason.VERSION_REFUSED), ("1.0", TaskReason.VERSION_REFUSED)],
)
def test_what_the_list_does_not_name_changes_nothing(
    bench: Bench, version: str, reason: TaskReason
) -> None:
    assert bench.order(version) is reason
    assert bench.agent.installed == []


@pytest.mark.parametrize("version", ["..", ".", "-2.0", "_2.0"])
@pytest.mark.parametrize("action", list(UpdateAction))
def test_what_is_no_version_is_no_order(bench: Bench, version: str, action: UpdateAction) -> None:
    assert not replace(bench.plan, allow=("*",)).allows(version)
    with pytest.raises(ValueError, match="no version"):
        UpdateOrder.parse(UpdateOrder(action, version, ROLLOUT, "2.0").to_json())
    with pytest.raises(ValueError, match="no version"):
        UpdateOrder.parse(UpdateOrder(action, "2.0", ROLLOUT, version).to_json())


def test_what_runs_already_is_not_installed_again(bench: Bench) -> None:
    bench.plan = replace(bench.plan, allow=("*",))
    assert bench.order("1.0") is TaskReason.ALREADY_CURRENT
    (bench.agent.folder / "place").unlink()
    assert bench.order("2.0") is TaskReason.SNAPSHOT_FAILED, "nobody knows the way back"
    assert bench.agent.installed == []


def test_state_is_kept_before_and_restored_after(bench: Bench) -> None:
    bench.plan = parse(bench.agent.with_state(), "work.toml")
    assert bench.order("2.0") is None
    (bench.agent.folder / "state").write_text("migrated\n")
    assert bench.back() is None
    assert (bench.agent.folder / "state").read_text() == "what it knows\n"
    assert bench.agent.runs == "1.0"
    (bench.agent.folder / "full").touch()
    assert bench.order("2.0") is TaskReason.SNAPSHOT_FAILED
    assert bench.agent.runs == "1.0"


def test_the_hub_sends_back_once_what_it_is_not_content_with(bench: Bench) -> None:
    assert bench.order("2.0") is None
    assert bench.back() is None
    assert bench.back() is None, "said again, it is so already"
    assert bench.agent.installed == ["2.0", "1.0"]


@pytest.mark.parametrize(
    ("version", "leaving"),
    [("3.0", "1.0"), ("2.1", "2.0"), ("2.1", ""), ("", "1.0")],
)
def test_a_way_back_that_nothing_here_knows_of_is_no_way_round_the_list(
    bench: Bench, version: str, leaving: str
) -> None:
    assert bench.back(version, leaving) is TaskReason.VERSION_REFUSED
    Journal(bench.state).write(Note("01JQ00000000000000000R0009", "2.0", "1.0", Phase.BACK))
    assert bench.back(version, leaving) is TaskReason.VERSION_REFUSED
    assert (bench.agent.runs, bench.agent.installed) == ("1.0", [])


def test_a_way_back_that_nothing_here_knows_of_is_gone_where_the_list_has_it(
    bench: Bench,
) -> None:
    assert bench.back("1.0", "2.0") is None, "it runs already"
    assert bench.agent.installed == []
    assert bench.back("2.1", "1.0") is None
    assert (bench.agent.runs, bench.agent.installed) == ("2.1", ["2.1"])


def test_who_is_called_off_goes_back_or_does_not_begin(bench: Bench) -> None:
    assert bench.order("2.0", called_off=lambda: True) is TaskReason.CANCEL_ASKED
    assert bench.agent.installed == []
    calls = iter([False, True])
    assert bench.order("2.0", called_off=lambda: next(calls)) is TaskReason.ROLLED_BACK
    assert bench.agent.runs == "1.0"


def test_what_a_killed_sidecar_left_goes_back_at_its_next_start(bench: Bench) -> None:
    Journal(bench.state).write(Note(ROLLOUT, "2.0", "1.0", Phase.CHANGING))
    (bench.agent.folder / "place").write_text("2.0\n")
    (bench.agent.folder / "running").unlink()
    recover(bench.plan, bench.state)
    assert bench.agent.runs == "1.0"
    found = Journal(bench.state).read()
    assert found
    assert found.phase is Phase.BACK
    recover(bench.plan, bench.state)
    assert bench.agent.installed == ["1.0"]
    assert bench.back() is None


def test_a_command_that_never_ends_is_ended(bench: Bench) -> None:
    bench.plan = replace(bench.plan, timeout=1.0)
    assert bench.order("slow") is TaskReason.ROLLED_BACK
    assert bench.agent.runs == "1.0"


@pytest.mark.parametrize(
    ("changes", "told"),
    [
        ({"install": ["update", "--to={version}"]}, "a word of its own"),
        ({"install": ["update"]}, "no word {version}"),
        ({"install": ["{version}", "x"]}, "not the first"),
        ({"restart": []}, "nothing starts the agent again"),
        ({"allow": []}, "allow"),
        ({"rollback": "state"}, "snapshot"),
        ({"rollback": "maybe"}, "package, state, none"),
        ({"instal": ["x"]}, "not known"),
        ({"type": "pip", "folder": "/x"}, "has no use"),
        ({"timeout": 0}, "86400"),
    ],
)
def test_a_plan_that_cannot_be_is_refused_with_one_that_can(
    bench: Bench, changes: dict[str, Any], told: str
) -> None:
    with pytest.raises(ConfigError) as refused:
        parse(bench.agent.table(**changes), "work.toml")
    assert told in str(refused.value)
    assert refused.value.remedy


def test_a_ready_made_plan_brings_its_commands() -> None:
    table = {"type": "nanobot", "allow": ["0.3.*"], "folder": "/opt/bot", "restart": ["true"]}
    plan = parse(table, "work.toml")
    assert plan.install[-4:] == ("/opt/bot", "nanobot-ai", "install", "{version}")
    assert plan.allows("0.3.5")
    assert not plan.allows("0.4.0")
    assert not plan.allows("-0.3.1")


def test_check_says_what_may_be_asked_for_and_whether_there_is_a_way_back(bench: Bench) -> None:
    said = "\n".join(explained(bench.plan))
    assert "to 2.* bad-* no-* slow, and back by package" in said
    assert "does not come back" in said
    none = replace(bench.plan, rollback=Rollback.NONE, verify=("/nowhere/verify",))
    said = "\n".join(explained(none))
    assert "no way back" in said
    assert "missing there is no program /nowhere/verify" in said


def test_what_a_command_that_was_well_complains_of_is_logged(
    caplog: pytest.LogCaptureFixture,
) -> None:
    with caplog.at_level(logging.INFO):
        assert Commands(60).run(["sh", "-c", "echo 1.0; echo old one stays >&2"]) == (True, "1.0")
    assert "says: old one stays" in caplog.text
