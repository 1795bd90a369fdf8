"""A silence covers what it names, and survives the store."""

from __future__ import annotations

import pytest

from fleet.contract.vocabulary import Severity
from fleet.domain.silences import MAX_MAINTENANCE, Silence, maintenance
from tests.support.telemetry import NOON

SILENT_1H = Silence("s", NOON + 3600, agent="gone")


def test_a_silence_reads_what_it_wrote():
    for silence in (SILENT_1H, Silence("t", NOON, code="clock-skew", by="mia")):
        assert Silence.of(silence.as_dict()) == silence


@pytest.mark.parametrize(
    ("silence", "covered"),
    [
        (Silence("s", NOON), {"larry agent-late", "larry clock-skew", "moe agent-late"}),
        (Silence("s", NOON, agent="larry"), {"larry agent-late", "larry clock-skew"}),
        (Silence("s", NOON, code="agent-late"), {"larry agent-late", "moe agent-late"}),
        (Silence("s", NOON, agent="larry", code="agent-late"), {"larry agent-late"}),
        (Silence("s", NOON, agent="curly"), set()),
    ],
)
def test_what_is_not_named_is_covered_whatever_it_is(silence: Silence, covered: set[str]):
    every = ("larry agent-late", "larry clock-skew", "moe agent-late")
    for severity in Severity:
        assert {one for one in every if silence.covers(*one.split(), severity)} == covered


@pytest.mark.parametrize(
    ("code", "severity", "held"),
    [
        ("disk-pressure", Severity.WARNING, True),
        ("disk-pressure", Severity.CRITICAL, False),
        ("agent-late", Severity.WARNING, True),
        ("agent-stale", Severity.CRITICAL, False),
        ("agent-offline", Severity.WARNING, False),
        ("agent-offline", Severity.CRITICAL, False),
    ],
)
def test_maintenance_by_an_agents_own_word_hides_nothing_critical_and_not_that_it_is_gone(
    code: str, severity: Severity, held: bool
):
    assert maintenance("agent", NOON, "larry").covers("larry", code, severity) is held
    assert maintenance("notice", NOON).covers("larry", code, severity)
    again = Silence.of(maintenance("agent", NOON, "larry").as_dict())
    assert again.covers("larry", code, severity) is held


def test_maintenance_is_a_silence_of_an_agent_or_of_all_and_ends_by_itself():
    own, everybody = maintenance("agent", NOON, "larry"), maintenance("notice", NOON)
    assert (own.agent, everybody.agent) == ("larry", "")
    assert own.is_maintenance
    assert everybody.is_maintenance
    assert not SILENT_1H.is_maintenance
    assert own.id != everybody.id
    assert own.until == NOON + MAX_MAINTENANCE
