"""The share of time in which an agent was heard: only of what is known."""

from __future__ import annotations

import pytest

from fleet.domain.listening import Share, Spans, share


def test_spans_join_where_they_touch_and_know_what_they_hold() -> None:
    spans = Spans([(50, 60), (0, 10), (5, 20), (20, 30)])
    assert spans.spans == [(0, 30), (50, 60)]
    assert [spans.hold(at) for at in (-1, 0, 30, 31, 50, 61)] == [
        False, True, True, False, True, False
    ]  # fmt: skip
    assert spans.within(-10, 100) == 40
    assert spans.within(25, 55) == 10
    assert Spans([]).within(0, 10) == 0


@pytest.mark.parametrize(
    ("changes", "since", "told"),
    [
        ([], 0, Share(0, 0)),
        ([(0, "ok")], 0, Share(90, 90)),
        ([(0, "ok")], 50, Share(50, 50)),
        ([(20, "ok")], 0, Share(70, 70)),
        ([(0, "ok"), (40, "late"), (45, "stale"), (60, "ok")], 0, Share(80, 90)),
        ([(0, "ok"), (40, "degraded"), (90, "offline")], 0, Share(80, 90)),
        ([(0, "unknown"), (50, "ok"), (95, "ghost")], 0, Share(45, 45)),
        ([(-50, "ok"), (-20, "offline"), (10, "ok")], 0, Share(80, 90)),
    ],
)
def test_what_nobody_heard_counts_neither_way(
    changes: list[tuple[float, str]], since: float, told: Share
) -> None:
    """The hub was away from 40 to 50, in the middle of a silence too."""
    assert share(changes, Spans([(-100, 40), (50, 200)]), since, 100) == told
