"""Tokens and money by the hour: counters as they really go, days as they repeat, limits."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime
from random import Random
from zoneinfo import ZoneInfo

import pytest

from fleet.contract.vocabulary import HubAlertCode, Severity
from fleet.domain.capacity.alerts import due
from fleet.domain.capacity.fleet_use import FleetUse, Rules
from fleet.domain.capacity.forecast import DAY, HOUR, Confidence, Forecast, forecast_from
from fleet.domain.capacity.series import Counter, Room
from fleet.domain.capacity.settings import rules_of
from fleet.domain.capacity.windows import MONTH, TODAY, Calendar, Window

MONDAY = datetime(2026, 9, 7, tzinfo=UTC).timestamp()
BERLIN = ZoneInfo("Europe/Berlin")


def grown(*readings: tuple[int, float]) -> list[tuple[int, float]]:
    counter = Counter()
    for hour, value in readings:
        counter.take(hour, value, value, value)
    return list(counter.each())


def test_a_counter_grows_by_the_hour_and_stands_still_for_nothing() -> None:
    assert grown((1, 100), (2, 110), (3, 110), (4, 115)) == [(2, 10), (4, 5)]


def test_a_counter_that_begins_again_counts_from_nothing() -> None:
    assert grown((1, 100), (2, 10), (3, 15)) == [(2, 10), (3, 5)]


def test_a_counter_whose_records_were_pruned_spent_nothing_by_that() -> None:
    assert grown((1, 100), (2, 90), (3, 95)) == [(3, 5)]


def test_a_counter_that_began_again_within_an_hour_lost_nothing_that_was_seen() -> None:
    counter = Counter()
    counter.take(1, 100, 100, 100)
    counter.take(2, 3, 120, 8)
    assert list(counter.each()) == [(2, 28)]


def test_what_was_used_in_a_gap_is_spread_over_it() -> None:
    assert grown((1, 100), (5, 180)) == [(2, 20), (3, 20), (4, 20), (5, 20)]


def test_the_newest_hour_may_be_told_again_and_an_older_one_is_known() -> None:
    assert grown((1, 100), (2, 110), (2, 130), (1, 500), (3, 131)) == [(2, 30), (3, 1)]


def test_a_room_keeps_the_week_whole_and_of_older_days_the_ends() -> None:
    room = Room()
    for hour in range(40 * 24):
        room.put(hour, hour % 24)
    points = room.left.points()
    assert len(points) < 330
    assert [p.value for p in points[-24:]] == list(range(24))
    assert points[0].at >= 2 * DAY
    assert {p.value for p in points[:20]} == {0, 23}


def test_windows_begin_at_the_midnights_of_their_zone() -> None:
    at = datetime(2026, 10, 25, 12, tzinfo=BERLIN).timestamp()  # the clocks go back that night
    assert TODAY.ends(at, BERLIN) - TODAY.begins(at, BERLIN) == 25 * HOUR
    week = Window("week", Calendar.WEEK)
    assert datetime.fromtimestamp(week.begins(at, BERLIN), BERLIN).isoweekday() == 1
    assert MONTH.begins(at, BERLIN) == datetime(2026, 10, 1, tzinfo=BERLIN).timestamp()
    assert MONTH.ends(at, BERLIN) == datetime(2026, 11, 1, tzinfo=BERLIN).timestamp()
    assert Window("5h", None, 5 * HOUR).begins(at, BERLIN) == at - 5 * HOUR


def busy_on_weekdays(hour: int) -> float:
    """10,000 an hour from Monday to Friday; nothing at the weekend."""
    return 10_000.0 if hour // 24 % 7 < 5 else 0.0


Rate = Callable[[int], float | None]


def use(rules: Rules, hours: int, rate: Rate = busy_on_weekdays) -> tuple[FleetUse, float]:
    """A fleet of ada from a Monday on, and how much her counter stands at by the end."""
    fleet, total = FleetUse(rules), 0.0
    for hour in range(hours):
        spent = rate(hour)
        if spent is None:
            continue
        total += spent
        fleet.take("ada", MONDAY + hour * HOUR, {"tokens_output_total": (total, total, total)})
    return fleet, total


def of_ada(
    tables: dict[str, object], hours: int, rate: Rate = busy_on_weekdays
) -> dict[tuple[str, str, str], Forecast]:
    """By metric, window and quota."""
    fleet, _ = use(rules_of(tables), hours, rate)
    now = MONDAY + hours * HOUR
    tally = fleet.tally("ada", ("team",), now)
    assert tally is not None
    every = [*fleet.of_agent("ada", ("team",), now, tally), *fleet.of_group("team", now, tally)]
    assert [forecast_from(one.as_dict()) for one in every]  # it travels
    return {(one.metric, one.window, one.quota): one for one in every if one.agent or one.quota}


def test_a_day_goes_on_as_the_same_weekday_went() -> None:
    one = of_ada({}, 3 * 7 * 24 + 12)["tokens", "day", ""]  # a Monday's noon
    assert one.now == pytest.approx(120_000, abs=10_000)
    assert one.at_end == pytest.approx(240_000, abs=10_000)
    assert (one.per_day, one.confidence) == (240_000, Confidence.HIGH)
    rest = of_ada({}, 3 * 7 * 24 + 5 * 24 + 12)["tokens", "day", ""]  # a Saturday's
    assert (rest.now, rest.at_end) == (0, 0)


def test_a_month_has_its_weekends() -> None:
    one = of_ada({}, 30 * 24 - 12)["tokens", "month", ""]  # from the 7th to the 6th, October
    assert one.ends_at == datetime(2026, 11, 1, tzinfo=UTC).timestamp()
    weekdays = 22  # of October 2026
    assert one.at_end == pytest.approx(weekdays * 240_000, rel=0.01)


def test_nothing_is_said_before_a_day_and_thirty_hours() -> None:
    tables = {"quotas": {"q": {"limit": 1e9, "window": "day"}}}
    found = of_ada(tables, 29)
    assert {one.confidence for one in found.values()} == {Confidence.UNKNOWN}
    assert {one.at_end for one in found.values()} == {None}
    assert of_ada(tables, 40)["tokens", "day", ""].confidence is Confidence.LOW


def quota(**more: object) -> dict[str, object]:
    return {"quotas": {"q": {"limit": 200_000, "window": "day", "each": True, **more}}}


@pytest.mark.parametrize(
    ("hours", "severity"),
    [(6, Severity.WARNING), (12, Severity.WARNING), (17, Severity.WARNING),
     (20, Severity.CRITICAL), (23, Severity.CRITICAL)],
)  # fmt: skip
def test_a_limit_that_the_day_will_reach_is_told_from_the_morning(
    hours: int, severity: Severity
) -> None:
    one = of_ada(quota(), 3 * 7 * 24 + hours)["tokens", "day", "q"]
    assert one.severity is severity
    reached = MONDAY + (3 * 7 * 24 + 20) * HOUR
    assert one.exhausts_at == pytest.approx(max(reached, one.exhausts_at or 0), abs=HOUR)


@pytest.mark.parametrize(
    ("hours", "severity"),
    [(6, None), (13, Severity.INFO), (20, Severity.WARNING), (23, Severity.CRITICAL)],
)
def test_a_limit_that_holds_is_told_at_its_steps_alone(
    hours: int, severity: Severity | None
) -> None:
    one = of_ada(quota(limit=242_000), 3 * 7 * 24 + hours)["tokens", "day", "q"]
    assert (one.exhausts_at, one.severity) == (None, severity)


def test_a_limit_is_not_foretold_of_a_week_that_is_not_known_yet() -> None:
    one = of_ada(quota(), 6 * 24 + 24 + 6)["tokens", "day", "q"]
    assert one.confidence is Confidence.LOW
    assert one.severity is None


def test_a_span_that_moves_lets_go_of_what_is_old() -> None:
    tables = quota(limit=60_000, window="5h")
    noon = of_ada(tables, 3 * 7 * 24 + 12)["tokens", "5h", "q"]
    assert noon.now == pytest.approx(50_000, rel=0.01)
    assert (noon.exhausts_at, noon.severity) == (None, Severity.WARNING)
    assert of_ada(tables, 3 * 7 * 24 + 5 * 24 + 12)["tokens", "5h", "q"].now == 0


HARMLESS: dict[str, Rate] = {
    "as every day": lambda _: 10_000,
    "the rhythm of a week": busy_on_weekdays,
    "by night": lambda hour: 30_000 if hour % 24 < 8 else 0,
    "a gap of two days": lambda hour: None if 300 <= hour < 348 else 10_000,
    "one day of half as much again": lambda hour: 15_000 if hour // 24 == 9 else 10_000,
    "rising slowly": lambda hour: 9_000 + hour,
    "falling": lambda hour: 10_000 - 10 * hour,
    "at random": lambda hour: Random(hour).uniform(0, 20_000),
}


@pytest.mark.parametrize("name", HARMLESS)
def test_a_limit_with_room_to_spare_wakes_nobody(name: str) -> None:
    rules = rules_of({"quotas": {"q": {"limit": 600_000, "window": "day", "each": True}}})
    fleet, total = FleetUse(rules), 0.0
    for hour in range(28 * 24):
        spent = HARMLESS[name](hour)
        if spent is None:
            continue
        total += spent
        at = MONDAY + hour * HOUR
        fleet.take("ada", at, {"tokens_output_total": (total, total, total)})
        if hour % 7 == 0:
            found = fleet.of_agent("ada", (), at + HOUR, fleet.tally("ada", (), at + HOUR))
            told = [one for one in found if one.severity not in (None, Severity.INFO)]
            assert told == [], f"hour {hour}"


def test_money_is_counted_by_the_price_of_its_day() -> None:
    tables = {
        "prices": {
            "old": {"from": "2026-09-01", "input": 1, "output": 10, "currency": "EUR"},
            "new": {"from": "2026-09-28", "input": 1, "output": 20, "currency": "EUR"},
        }
    }
    found = of_ada(tables, 3 * 7 * 24 + 12)
    today, month = found["cost", "day", ""], found["cost", "month", ""]
    assert (today.unit, today.now) == ("EUR", pytest.approx(2.4, abs=0.2))
    assert month.now == pytest.approx(3 * 5 * 2.4 + 2.4, abs=0.4)


def test_without_a_price_there_is_no_cost_and_none_for_a_window_of_which_a_part_has_none() -> None:
    assert not [key for key in of_ada({}, 600) if key[0] == "cost"]
    late = {"from": "2026-09-27", "input": 1, "output": 10, "currency": "EUR"}
    found = of_ada({"prices": {"late": late}}, 3 * 7 * 24 + 12)
    assert {key[1] for key in found if key[0] == "cost"} == {"day"}


def test_an_agents_own_price_goes_before_that_of_all() -> None:
    each = {"from": "2026-09-01", "input": 1, "currency": "EUR"}
    tables = {
        "prices": {"all": {**each, "output": 10}, "ada": {**each, "output": 100, "agent": "ada"}}
    }
    assert of_ada(tables, 3 * 7 * 24 + 12)["cost", "day", ""].now == pytest.approx(12, abs=1)


def test_of_several_limits_the_worst_is_told_and_a_groups_is_the_hubs() -> None:
    tables = {
        "quotas": {
            "near": {"limit": 130_000, "window": "day", "agent": "ada"},
            "far": {"limit": 230_000, "window": "day", "agent": "ada"},
            "team": {"limit": 100_000, "window": "day", "group": "team"},
            "others": {"limit": 1, "window": "day", "group": "others"},
        }
    }
    hours = 3 * 7 * 24 + 12
    found = of_ada(tables, hours)
    alerts = due(found.values(), MONDAY + hours * HOUR, {})
    code = HubAlertCode.QUOTA_NEAR
    assert alerts.keys() == {("ada", code), ("", code)}
    assert alerts["ada", code] == (Severity.WARNING, 92)
    assert alerts["", code] == (Severity.CRITICAL, 120)


def limited(now: float, at_end: float) -> Forecast:
    """`now` of a limit of 100 is used, and `at_end` will be when the day is over."""
    coming = at_end >= 100
    return Forecast(
        agent="ada", group="", metric="tokens", unit="tokens", now=now, per_day=None, low=None,
        high=None, exhausts_at=MONDAY + DAY - HOUR if coming else None, basis="",
        confidence=Confidence.HIGH, severity=Severity.WARNING if coming else None, window="day",
        ends_at=MONDAY + DAY, at_end=at_end, quota="daily", limit=100.0,
    )  # fmt: skip


def test_a_warning_of_a_limit_stays_until_it_is_clearly_not_reached() -> None:
    fires: dict[str, Severity] = {}
    told: list[bool] = []
    for at_end in (98, 101, 99, 100.5, 97, 96, 94, 96, 101):
        found = due([limited(40, at_end)], MONDAY, fires)
        fires = {agent: one.severity for (agent, _), one in found.items()}
        told.append(bool(found))
    assert told == [False, True, True, True, True, True, False, False, True]


def test_a_new_window_ends_what_the_last_one_raised() -> None:
    assert due([limited(1, 60)], MONDAY, {"ada": Severity.CRITICAL}) == {}
    worse = due([limited(40, 99)], MONDAY, {"ada": Severity.CRITICAL})
    assert worse["ada", HubAlertCode.QUOTA_NEAR].severity is Severity.WARNING
