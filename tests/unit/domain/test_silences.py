"""A silence covers what it names, and survives the store."""

from __future__ import annotations

import pytest

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
    assert {one for one in every if silence.covers(*one.split())} == covered


def test_maintenance_is_a_silence_of_an_agent_or_of_all_and_ends_by_itself():
    own, everybody = maintenance("agent", NOON, "larry"), maintenance("notice", NOON)
    assert (own.agent, everybody.agent) == ("larry", "")
    assert own.is_maintenance
    assert everybody.is_maintenance
    assert not SILENT_1H.is_maintenance
    assert own.id != everybody.id
    assert own.until == NOON + MAX_MAINTENANCE
