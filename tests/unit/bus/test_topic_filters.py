"""Filters as MQTT 5 (4.7) has them; paho is the second judge."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from paho.mqtt.client import topic_matches_sub

from fleet.bus.topic_filters import TopicFilters, pattern

LEVELS = st.sampled_from(["", "a", "b", "$SYS", "a.b", "x\ny"])
TOPICS = st.lists(LEVELS, min_size=1, max_size=4).map("/".join).filter(bool)
FILTERS = st.tuples(
    st.lists(st.one_of(LEVELS, st.just("+")), max_size=3), st.sampled_from(["#", "+", "a", "$SYS"])
).map(lambda parts: "/".join([*parts[0], parts[1]]))


@given(st.lists(FILTERS, max_size=3), TOPICS)
def test_a_topic_matches_if_one_filter_does(filters: list[str], topic: str) -> None:
    expected = any(topic_matches_sub(name, topic) for name in filters)
    assert bool(pattern(filters).fullmatch(topic)) is expected
    named = TopicFilters()
    named.add(filters)
    assert named.match(topic) is expected
    assert named.unasked == (not expected)


@pytest.mark.parametrize(
    ("topic_filter", "topic", "expected"),
    [
        ("fleet/#", "fleet", True),
        ("fleet/#", "fleeting/a", False),
        ("#", "$SYS/uptime", False),
        ("+/uptime", "$SYS/uptime", False),
        ("$SYS/#", "$SYS/uptime", True),
        ("$share/hubs/fleet/+", "fleet/ada", True),
        ("$share/hubs/fleet/+", "fleet/ada/heartbeat", False),
    ],
)
def test_the_rules_that_are_easily_forgotten(topic_filter: str, topic: str, expected: bool) -> None:
    assert bool(pattern([topic_filter]).fullmatch(topic)) is expected


def test_a_session_that_goes_on_knows_no_filters_until_the_first_is_added() -> None:
    resumed = TopicFilters(resumed=True)
    assert resumed.match("t/a")
    assert not resumed.match("$NRG/traffic")
    resumed.add(["u/+"])
    assert not resumed.match("t/a")
    assert resumed.match("u/a")
    assert resumed.unasked == 2
