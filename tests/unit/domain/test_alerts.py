"""Alerts fire and resolve once and are told in groups, whatever comes between."""

from __future__ import annotations

import itertools

from hypothesis import given
from hypothesis import strategies as st

from fleet.contract.vocabulary import AlertState, Severity
from fleet.domain.alert import Alert, AlertGroup
from fleet.domain.alerts import GROUP_WAIT, AlertBook
from fleet.domain.silence_book import SETTLE
from fleet.domain.silences import MAX_MAINTENANCE, Silence, maintenance

CRITICAL = Severity.CRITICAL


def told(alert_group: list[AlertGroup]) -> list[tuple[str, str, tuple[str, ...]]]:
    return [(one.code, one.state.value, one.agents) for one in alert_group]


def test_a_problem_fires_once_and_resolves_once():
    book = AlertBook()
    assert [book.fire("larry", "agent-late", CRITICAL, 10) for _ in range(3)] == [
        True,
        False,
        False,
    ]
    assert [book.resolve("larry", "agent-late", 20) for _ in range(3)] == [True, False, False]
    assert not book.resolve("moe", "agent-late", 20)


def test_changes_of_one_kind_are_told_together():
    book = AlertBook()
    for number, name in enumerate(("larry", "moe", "curly")):
        book.fire(name, "agent-offline", CRITICAL, 10 + number)
    assert book.due(10 + GROUP_WAIT - 1) == []
    assert told(book.due(12 + GROUP_WAIT)) == [
        ("agent-offline", "firing", ("curly", "larry", "moe"))
    ]
    assert book.due(1000) == []


def test_what_comes_and_goes_within_the_wait_is_never_told():
    book = AlertBook()
    book.fire("larry", "agent-offline", CRITICAL, 10)
    book.resolve("larry", "agent-offline", 11)
    assert book.due(1000) == []


def test_maintenance_silences_and_no_flood_follows():
    book = AlertBook()
    book.silence(maintenance("mia", 0))
    for number in range(100):
        book.fire(f"agent-{number}", "agent-offline", CRITICAL, 10)
    assert book.due(500) == []
    for number in range(1, 100):
        book.resolve(f"agent-{number}", "agent-offline", 600)
    book.lift("maintenance-all", 600)
    assert book.due(600 + SETTLE - 1) == []
    assert told(book.due(600 + SETTLE)) == [("agent-offline", "firing", ("agent-0",))]
    assert book.due(10_000) == []


def test_a_problem_told_before_maintenance_that_ends_in_it_is_told_as_over_afterwards():
    book = AlertBook()
    book.fire("larry", "agent-offline", CRITICAL, 0)
    assert book.due(10)
    book.silence(maintenance("mia", 20))
    book.resolve("larry", "agent-offline", 30)
    assert book.due(100) == []
    book.lift("maintenance-all", 200)
    assert told(book.due(300)) == [("agent-offline", "resolved", ("larry",))]


def test_maintenance_that_nobody_ended_ends():
    book = AlertBook()
    book.silence(maintenance("mia", 0))
    book.fire("larry", "agent-offline", CRITICAL, 10)
    assert book.due(MAX_MAINTENANCE) == []
    assert book.due(MAX_MAINTENANCE + SETTLE + 1)


def test_a_silence_holds_back_only_what_it_covers():
    book = AlertBook()
    book.silence(Silence("s1", 1000, agent="larry"))
    book.silence(Silence("s2", 1000, code="clock-skew"))
    book.fire("larry", "agent-late", CRITICAL, 0)
    book.fire("moe", "clock-skew", CRITICAL, 0)
    book.fire("moe", "agent-late", CRITICAL, 0)
    assert told(book.due(10)) == [("agent-late", "firing", ("moe",))]


def test_a_silence_that_ends_holds_back_nobody_elses_alerts():
    """Two hundred of them, one after the other, held a critical alert back for an hour."""
    book = AlertBook()
    for number in range(200):
        book.silence(Silence(str(number), 100 + number, agent=f"agent-{number}"))
    book.fire("larry", "process-down", CRITICAL, 100)
    book.fire("agent-0", "process-down", CRITICAL, 100)
    assert told(book.due(100 + GROUP_WAIT)) == [("process-down", "firing", ("larry",))]
    assert told(book.due(100 + SETTLE)) == [("process-down", "firing", ("agent-0",))]


def test_escalation_is_told_and_what_becomes_milder_is_not():
    book = AlertBook()
    book.fire("larry", "disk-pressure", Severity.WARNING, 10, 91.0)
    [first] = book.due(10 + GROUP_WAIT)
    assert first.severity is Severity.WARNING
    assert book.fire("larry", "disk-pressure", CRITICAL, 20, 97.0)
    [alert] = book.firing("larry")
    assert (alert.severity, alert.value, alert.since) == (CRITICAL, 97.0, 10)
    restarted = AlertBook.of(list(book.alerts.values()))
    for one in (book, restarted):
        [worse] = one.due(21)
        assert (worse.state, worse.severity) == (AlertState.FIRING, CRITICAL)
        assert one.due(100) == []
    assert book.fire("larry", "disk-pressure", Severity.WARNING, 120, 92.0)
    assert book.firing("larry")[0].severity is Severity.WARNING
    assert book.due(1000) == []
    book.fire("larry", "disk-pressure", CRITICAL, 1010)
    assert book.due(1020) == [], "they were told that it is critical, and never that it is not"
    book.resolve("larry", "disk-pressure", 1030)
    [over] = book.due(1040)
    assert over.state is AlertState.RESOLVED


def test_a_later_statement_without_a_value_keeps_the_known_one():
    book = AlertBook()
    book.fire("larry", "disk-pressure", Severity.WARNING, 10, 91.0)
    assert not book.fire("larry", "disk-pressure", Severity.WARNING, 20)
    assert book.firing("larry")[0].value == 91.0


def test_an_acknowledged_alert_says_who_looks_and_a_resolved_one_cannot_be():
    book = AlertBook()
    assert not book.acknowledge("larry", "agent-late", "mia", 5)
    book.fire("larry", "agent-late", CRITICAL, 0)
    assert book.acknowledge("larry", "agent-late", "mia", 5)
    assert book.firing()[0].as_dict()["acknowledged_by"] == "mia"
    book.resolve("larry", "agent-late", 6)
    book.fire("larry", "agent-late", CRITICAL, 7)
    assert book.firing()[0].acknowledged_by == ""


def test_a_restart_tells_nothing_again():
    book = AlertBook()
    book.fire("larry", "agent-late", CRITICAL, 0)
    book.due(10)
    again = AlertBook.of(book.alerts.values())
    assert again.due(1000) == []
    again.resolve("larry", "agent-late", 1001)
    assert told(again.due(1010)) == [("agent-late", "resolved", ("larry",))]


def test_what_a_restart_interrupted_is_told_after_it():
    book = AlertBook()
    book.fire("larry", "agent-late", CRITICAL, 0)
    assert told(AlertBook.of(book.alerts.values()).due(10)) == [
        ("agent-late", "firing", ("larry",))
    ]


def test_firing_alerts_stand_worst_first():
    book = AlertBook()
    book.fire("larry", "clock-skew", Severity.WARNING, 0)
    book.fire("moe", "agent-offline", CRITICAL, 5)
    assert [alert.agent for alert in book.firing()] == ["moe", "larry"]
    assert [alert.agent for alert in book.firing("larry")] == ["larry"]


def test_a_forgotten_agent_leaves_no_alert():
    book = AlertBook()
    book.fire("larry", "agent-late", CRITICAL, 0)
    assert book.forget("larry", 10) == 0
    assert not book.alerts
    assert book.changed == {("larry", "agent-late")}
    assert book.due(1000) == []


def known_to_operators(*agents: str) -> AlertBook:
    """A book that told a critical `agent-stale` of each."""
    book = AlertBook()
    for agent in agents:
        book.fire(agent, "agent-stale", CRITICAL, 0)
    assert told(book.due(GROUP_WAIT)) == [("agent-stale", "firing", agents)]
    book.changed.clear()
    return book


def test_what_was_told_of_a_forgotten_agent_is_told_to_be_over_and_then_gone():
    book = known_to_operators("larry", "moe")
    assert book.forget("larry", 100) == 1
    assert not book.fires("larry", "agent-stale")
    assert told(book.due(100 + GROUP_WAIT)) == [("agent-stale", "resolved", ("larry",))]
    assert set(book.alerts) == {("moe", "agent-stale")}
    assert ("larry", "agent-stale") in book.changed
    assert book.due(1000) == []


def test_no_silence_holds_back_the_end_of_a_forgotten_agent_and_its_own_go_with_it():
    book = known_to_operators("larry")
    book.silence(Silence("own", 10_000, agent="larry"))
    book.silence(Silence("all", 10_000))
    book.forget("larry", 100)
    assert told(book.due(100 + GROUP_WAIT)) == [("agent-stale", "resolved", ("larry",))]
    assert set(book.silences) == {"all"}
    assert book.lifted == ["own"]


def test_an_end_that_waits_when_the_hub_is_killed_is_told_by_the_next_one():
    book = known_to_operators("larry")
    book.forget("larry", 100)
    book = AlertBook.of(book.alerts.values(), book.silences.values())
    book.silence(Silence("all", 10_000))
    book.forget_strangers({"moe"}, 101)
    assert told(book.due(100 + GROUP_WAIT)) == [("agent-stale", "resolved", ("larry",))]
    assert not book.alerts


def test_a_restart_forgets_nothing_of_who_is_known_or_of_the_hub_itself():
    book = known_to_operators("larry")
    book.fire("", "broker-down", CRITICAL, 0)
    for agent, code in list(book.alerts):
        book.resolve(agent, code, 10)
    book.forget_strangers({"larry"}, 20)
    assert set(book.alerts) == {("larry", "agent-stale"), ("", "broker-down")}


def test_a_forgotten_agent_that_is_back_at_once_is_not_told_to_be_over():
    book = known_to_operators("larry")
    book.forget("larry", 100)
    book.fire("larry", "agent-stale", CRITICAL, 101)
    assert book.due(1000) == []
    book.resolve("larry", "agent-stale", 1001)
    assert told(book.due(2000)) == [("agent-stale", "resolved", ("larry",))]
    assert ("larry", "agent-stale") in book.alerts


def test_a_successor_inherits_no_alert():
    book = known_to_operators("larry")
    book.forget("larry", 100)
    assert not book.firing_of("larry")
    assert told(book.due(100 + GROUP_WAIT)) == [("agent-stale", "resolved", ("larry",))]
    book.fire("larry", "agent-stale", CRITICAL, 200)
    assert told(book.due(200 + GROUP_WAIT)) == [("agent-stale", "firing", ("larry",))]


def test_what_fires_is_told_under_the_new_name_and_over_under_the_old_one():
    book = known_to_operators("larry")
    book.acknowledge("larry", "agent-stale", "mia", 50)
    book.fire("larry", "disk-pressure", CRITICAL, 60)
    book.resolve("larry", "disk-pressure", 61)
    book.silence(Silence("s", 70, agent="larry", by="mia"))
    book.silence(maintenance("agent", 60, "larry"))
    silences = book.rename("larry", "moe", 100, moved=True)
    assert [one.agent for one in silences] == ["moe", "moe"]
    assert set(book.silences) == {"s", "maintenance-moe"}
    alert = book.alerts["moe", "agent-stale"]
    assert (alert.since, alert.acknowledged_by) == (0, "mia")
    assert told(book.due(100 + SETTLE + MAX_MAINTENANCE)) == [
        ("agent-stale", "resolved", ("larry",)),
        ("agent-stale", "firing", ("moe",)),
    ]
    assert set(book.alerts) == {("moe", "agent-stale"), ("moe", "disk-pressure")}


def test_who_is_heard_by_its_new_name_says_itself_what_fires():
    book = known_to_operators("larry")
    book.acknowledge("larry", "agent-stale", "mia", 50)
    for code in ("agent-stale", "idle-cost"):
        book.fire("moe", code, CRITICAL, 90)
    book.fire("larry", "agent-offline", CRITICAL, 91)
    book.silence(maintenance("agent", 60, "larry"))
    assert book.rename("larry", "moe", 100, moved=False) == []
    assert set(book.firing_of("moe")) == {"agent-stale", "idle-cost"}
    assert book.alerts["moe", "agent-stale"].acknowledged_by == "mia"
    assert not book.firing_of("larry")


def test_resolved_alerts_are_bounded():
    old = [Alert(f"a{n}", "agent-late", CRITICAL, AlertState.RESOLVED, n) for n in range(10_050)]
    book = AlertBook.of(old)
    book.trim()
    assert len(book.alerts) == 10_000
    assert ("a49", "agent-late") not in book.alerts


STEPS = st.lists(
    st.tuples(
        st.sampled_from(["fire", "resolve", "silence", "lift", "restart", "forget", "wait"]),
        st.sampled_from(["larry", "moe"]),
        st.floats(0, 60),
    ),
    max_size=60,
)


@given(STEPS)
def test_whatever_happens_firing_and_resolved_are_told_in_turn(steps):
    book, now, stream = AlertBook(), 0.0, []
    for step, agent, pause in steps:
        now += pause
        if step == "fire":
            book.fire(agent, "agent-late", CRITICAL, now)
        elif step == "resolve":
            book.resolve(agent, "agent-late", now)
        elif step == "silence":
            book.silence(Silence(agent, now + 100, agent=agent))
        elif step == "lift":
            book.lift(agent, now)
        elif step == "forget":
            book.forget(agent, now)
        elif step == "restart":
            book = AlertBook.of(book.alerts.values(), book.silences.values())
        stream += [(name, one.state) for one in book.due(now) for name in one.agents]
    stream += [(name, one.state) for one in book.due(now + 10_000) for name in one.agents]
    for agent in ("larry", "moe"):
        every = [state for name, state in stream if name == agent]
        # That it flaps, and has settled, is told beside the state.
        states = [state for state, _ in itertools.groupby(every)]
        expected = [AlertState.FIRING, AlertState.RESOLVED] * len(states)
        assert states == expected[: len(states)]
        known = book.alerts.get((agent, "agent-late"))
        assert known is None or known.notified is known.state
