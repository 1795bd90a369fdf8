"""What the weekly report says was done to the fleet: rollouts and pairs, nothing of content."""

from __future__ import annotations

from collections import Counter
from dataclasses import replace

from fleet.auditor.report import html, text
from fleet.auditor.report.operations import operations, sentences
from fleet.auditor.report.report import AuditReport
from fleet.auditor.tally import Tally
from fleet.domain.failover.pair import Cause, Pair, Phase
from fleet.domain.rollout.plan import Plan
from fleet.domain.rollout.rollout import Execution, Rollout
from fleet.domain.rollout.states import ExecutionState, RolloutState
from fleet.store.rollout_port import Whole
from tests.support.telemetry import NOON

ID = "01JQ00000000000000000R0001"
ROLLOUT = Rollout(
    ID, Plan("2.0", "1,100%"), NOON, "t1 operator", RolloutState.ABORTED, 1, NOON + 1, NOON + 9,
    why="threshold",
)  # fmt: skip
BACK = Execution(
    "ada", "red", 0, 1, "1.0", state=ExecutionState.ROLLED_BACK, reason="no-work", undos=1
)
WHOLE = Whole(ROLLOUT, [BACK, Execution("bob", "red", 1, 2, "1.0")])
PAIR = Pair("desk", "bot-b", "bot-a", True, 4, Phase.STEADY, Cause.DOWN, NOON, NOON)


def test_a_rollout_is_told_with_from_to_waves_who_and_outcome() -> None:
    told = operations([WHOLE], [], NOON)
    [one] = told["rollouts"]
    assert one["agents"] == {"ada": "rolled-back (no-work)", "bob": "queued"}
    assert list(sentences(told)) == [
        f"rollout {ID} by t1 operator: 1.0 to 2.0, waves 1,100% (1 opened), aborted (threshold): "
        "1 queued, 1 rolled-back; failed: ada"
    ]


def test_a_pair_is_told_with_holder_epoch_why_and_fence() -> None:
    [line] = sentences(operations([], [PAIR], NOON))
    assert line.startswith("pair desk: bot-b holds, bot-a stands by, epoch 4, steady since ")
    assert "(down), fence: the other laid down" in line
    manual = replace(PAIR, phase=Phase.MANUAL, cause=Cause.NOT_FENCEABLE)
    assert "fence: none: a person" in next(sentences(operations([], [manual], NOON)))


def test_what_ended_or_changed_before_and_what_never_began_is_left_out() -> None:
    draft = replace(ROLLOUT, started=None, ended=None, state=RolloutState.DRAFT)
    calm = replace(PAIR, cause=Cause.CREATED)
    late = operations([WHOLE, Whole(draft, [BACK])], [PAIR, calm], NOON + 60)
    assert late == {"rollouts": [], "pairs": []}
    open_ = Whole(replace(ROLLOUT, ended=None, state=RolloutState.RUNNING), [BACK])
    assert len(operations([open_], [], NOON + 60)["rollouts"]) == 1


def test_each_form_of_the_report_has_it() -> None:
    done = operations([WHOLE], [PAIR], NOON)
    report = AuditReport("2026-03-18T21:30:00Z", 0, None, None, [], [], [], Counter(), Tally())
    assert "done     " not in text.render(report)
    report.operations = done
    assert report.as_dict()["operations"] == done
    assert text.render(report).count("\ndone     ") == 2
    page = html.render(report)
    assert page.count("<li>rollout ") == page.count("<li>pair ") == 1
