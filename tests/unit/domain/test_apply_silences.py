"""What is silenced or in maintenance is shown, and wakes nobody."""

from __future__ import annotations

from dataclasses import replace

import pytest

from fleet.cli.check import verdict
from fleet.contract.vocabulary import Check, Severity
from fleet.domain.agent_view import AgentView, PlaneView
from fleet.domain.apply_silences import apply_silences
from fleet.domain.problems import ExitCode, alarm_of, problems_of
from fleet.domain.roster import Roster
from fleet.domain.silences import MAX_MAINTENANCE, Silence, maintenance
from fleet.domain.verdict import Verdict
from tests.support.telemetry import NOON

SILENT_1H = Silence("s", NOON + 3600, agent="gone")


def view(agent: str, state: Verdict, **fields: object) -> AgentView:
    blank = Roster().view(agent, NOON)
    return replace(blank, state=state, last_seen=NOON - 60, age=60.0, **fields)


GONE = view("gone", Verdict.OFFLINE)
STOPPED = view("gone", Verdict.OFFLINE, goodbye=True)
STALE = view("gone", Verdict.STALE)
ILL = view("gone", Verdict.DEGRADED, alerts=("disk-pressure", "rate-limited"))
WELL = view("well", Verdict.OK)
FULL = view("full", Verdict.OK, alerts=("disk-pressure",))
LOOPS = view("loops", Verdict.OK, ok=True, alerts=("restart-loop",))
STATED = replace(FULL, severities={"disk-pressure": Severity.CRITICAL})
DEAD = view("dead", Verdict.DEGRADED, planes={"process": PlaneView(Check.FAIL, 1.0)})
OK, WARNING, CRITICAL, UNKNOWN = ExitCode


@pytest.mark.parametrize(
    ("agent", "silences", "expected"),
    [
        (GONE, [], Severity.CRITICAL),
        (STALE, [], Severity.CRITICAL),
        (STOPPED, [], Severity.WARNING),
        (ILL, [], Severity.WARNING),
        (WELL, [], None),
        (FULL, [], Severity.WARNING),
        (STATED, [], Severity.CRITICAL),
        (LOOPS, [], Severity.CRITICAL),
        (DEAD, [], Severity.CRITICAL),
        (view("new", Verdict.UNKNOWN), [], None),
        (GONE, [SILENT_1H], Severity.INFO),
        (GONE, [Silence("s", NOON + 1)], Severity.INFO),
        (GONE, [Silence("s", NOON)], Severity.CRITICAL),
        (GONE, [Silence("s", NOON + 1, agent="other")], Severity.CRITICAL),
        (GONE, [Silence("s", NOON + 1, code="agent-offline")], Severity.INFO),
        (STALE, [Silence("s", NOON + 1, code="agent-offline")], Severity.CRITICAL),
        (ILL, [Silence("s", NOON + 1, code="disk-pressure")], Severity.WARNING),
        (ILL, [SILENT_1H], Severity.INFO),
    ],
)
def test_the_alarm_is_the_worst_that_nobody_holds_back(
    agent: AgentView, silences: list[Silence], expected: Severity | None
):
    [seen] = apply_silences([agent], silences, NOON)
    assert alarm_of(seen) is expected


def test_maintenance_is_not_for_ever():
    [seen] = apply_silences([STALE], [maintenance("agent", NOON, "gone")], NOON)
    assert alarm_of(seen) is Severity.CRITICAL  # its own word does not hide that
    stated = maintenance("notice", NOON)
    [seen] = apply_silences([STALE], [stated], NOON)
    assert [str(p) for p in problems_of([seen])] == ["gone: agent-stale (in maintenance)"]
    [seen] = apply_silences([STALE], [stated], NOON + MAX_MAINTENANCE)
    assert alarm_of(seen) is Severity.CRITICAL


@pytest.mark.parametrize(
    ("views", "silences", "code", "line"),
    [
        (
            [GONE, WELL],
            [],
            CRITICAL,
            "FLEET CRITICAL - 1 offline (gone), 1 ok",
        ),
        (
            [STOPPED, WELL],
            [],
            WARNING,
            "FLEET WARNING - 1 stopped (gone), 1 ok",
        ),
        ([GONE, WELL], [SILENT_1H], OK, "FLEET OK - 1 silenced (gone), 1 ok"),
        ([GONE], [maintenance("mia", NOON)], OK, "FLEET OK - 1 in maintenance (gone)"),
        ([view("new", Verdict.UNKNOWN)], [], UNKNOWN, "FLEET UNKNOWN - 1 unknown (new)"),
        (
            [WELL, view("new", Verdict.UNKNOWN)],
            [],
            UNKNOWN,
            "FLEET UNKNOWN - 1 ok, 1 unknown (new)",
        ),
        ([LOOPS], [], CRITICAL, "FLEET CRITICAL - 1 ok; loops: restart-loop"),
        ([], [], UNKNOWN, "FLEET UNKNOWN - no agent has been heard of"),
    ],
)
def test_the_line_names_who_is_held_back(
    views: list[AgentView], silences: list[Silence], code: int, line: str
):
    found, text = verdict(apply_silences(views, silences, NOON), ())
    assert (found, text.partition(" | ")[0]) == (code, line)


def test_who_is_asked_for_and_was_never_heard_of_is_named():
    code, text = verdict([WELL], ["well", "nobody"])
    assert code == UNKNOWN
    assert "1 never heard of (nobody)" in text
