"""Plans: waves, thresholds, and who takes part."""

from __future__ import annotations

import pytest

from fleet.contract.vocabulary import Check
from fleet.domain.rollout.errors import InvalidPlanError, NobodyError
from fleet.domain.rollout.look import Look
from fleet.domain.rollout.making import LeftOut, made
from fleet.domain.rollout.plan import Plan, most_failures, threshold, wave_sizes
from fleet.domain.verdict import Verdict


@pytest.mark.parametrize(
    ("text", "agents", "sizes"),
    [
        ("1,25%,100%", 100, [1, 25, 100]),
        ("1,25%,100%", 3, [1, 3]),
        ("1,25%,100%", 1, [1]),
        ("10%,100%", 5, [1, 5]),
        ("1,5,20%,100%", 10, [1, 5, 10]),
        ("100%", 7, [7]),
    ],
)
def test_waves_grow_to_all(text: str, agents: int, sizes: list[int]) -> None:
    assert wave_sizes(text, agents) == sizes


@pytest.mark.parametrize("text", ["", "1", "0,100%", "50%,25%,100%", "5,1,100%", "200%", "a,100%"])
def test_waves_that_are_none_are_refused_with_some_that_are(text: str) -> None:
    with pytest.raises(InvalidPlanError) as refused:
        wave_sizes(text, 10)
    assert "--waves" in refused.value.remedy
    if text == "1":
        assert refused.value.remedy == "--waves 1,100%"


def test_a_threshold_is_a_share_and_a_number() -> None:
    assert threshold("20%:2") == (20, 2)
    assert threshold("5%") == (5, 1)
    assert [most_failures("20%:2", agents) for agents in (1, 9, 100)] == [2, 2, 20]
    for text in ("20", "0%", "101%:1", "20%:0", "20%:x"):
        with pytest.raises(InvalidPlanError):
            threshold(text)


@pytest.mark.parametrize(
    "version",
    ["", "-rf", "a b", "x" * 33, "1;2", "--upgrade", "$(id)", ".", "..", "_1"],
)
def test_a_version_is_one_word_that_is_no_option(version: str) -> None:
    with pytest.raises(InvalidPlanError):
        Plan(version).require_valid()


def test_who_takes_part_and_who_does_not_and_why() -> None:
    looks = {
        "away": Look(state=Verdict.OFFLINE, version="1"),
        "busy": Look(state=Verdict.OK, version="1"),
        "denied": Look(state=Verdict.OK, version="1"),
        "here": Look(state=Verdict.OK, version="1", work=Check.PASS),
        "lone": Look(state=Verdict.OK, version="1"),
        "new": Look(state=Verdict.OK, version="2"),
    }
    groups = dict.fromkeys(set(looks) - {"lone"}, "red")
    found = made(Plan("2"), list(looks), looks, groups, {"denied"}, {"busy"})
    assert [(one.agent, one.wave, one.worked) for one in found.executions] == [
        ("here", 1, True),
        ("away", 2, False),
    ]
    assert found.left_out == {
        "busy": LeftOut.BUSY,
        "denied": LeftOut.DENIED,
        "lone": LeftOut.NO_GROUP,
        "new": LeftOut.CURRENT,
    }


def test_nobody_is_told_with_why() -> None:
    with pytest.raises(NobodyError, match="runs this version already"):
        made(Plan("2"), ["a"], {"a": Look(version="2")}, {"a": "red"}, (), ())
