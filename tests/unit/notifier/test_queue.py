"""Which message is next: the worst, in each agent's order, past one that fails again and again."""

from __future__ import annotations

from fleet.contract.vocabulary import AlertState, Severity
from fleet.domain.alert import Alert, AlertGroup
from fleet.notifier.notification import Notification
from fleet.notifier.queue import HOPELESS, PASSED, SUSPECT, Queue

INFO, WARNING, CRITICAL = Severity.INFO, Severity.WARNING, Severity.CRITICAL
FIRING, RESOLVED = AlertState.FIRING, AlertState.RESOLVED


def news(
    code: str, *agents: str, severity: Severity = WARNING, state: AlertState = FIRING
) -> Notification:
    alerts = tuple(Alert(agent, code, severity, state, 1e9) for agent in agents)
    return Notification.of(AlertGroup(code, state, severity, alerts))


def queue_of(*messages: Notification) -> Queue:
    queue = Queue(1.0, 60.0)
    queue.add(messages)
    return queue


def drained(queue: Queue) -> list[Notification]:
    """The order in which a route that takes everything gets them."""
    order = []
    while (message := queue.next(0.0)) is not None:
        order.append(message)
        queue.was_taken(message.id)
    return order


def test_critical_overtakes_and_the_oldest_of_a_severity_goes_first() -> None:
    first, second = news("rate-limited", "ada"), news("rate-limited", "bob")
    worst = news("process-down", "cyd", severity=CRITICAL)
    assert drained(queue_of(first, second, worst)) == [worst, first, second]


def test_what_concerns_one_agent_keeps_its_order_and_is_drawn_along_by_what_is_critical() -> None:
    other = news("rate-limited", "ada")
    begin, end = news("disk-pressure", "bob"), news("disk-pressure", "bob", state=RESOLVED)
    worst = news("process-down", "bob", "cyd", severity=CRITICAL)
    assert drained(queue_of(other, begin, end, worst)) == [begin, end, worst, other]


def test_a_message_that_fails_holds_up_no_other_agent() -> None:
    poison, other = news("process-down", "ada", severity=CRITICAL), news("rate-limited", "bob")
    queue = queue_of(poison, other)
    assert queue.next(0.0) == poison
    assert not queue.has_failed(poison.id, 0.0)
    assert queue.next(0.0) == other


def test_a_message_that_fails_while_others_are_taken_is_known_to_be_at_fault() -> None:
    poison = news("process-down", "ada", severity=CRITICAL)
    queue, now = queue_of(poison), 0.0
    for number in range(HOPELESS):
        assert not queue.is_hopeless(poison.id)
        # From the third on the route is not blamed, and the message has pauses of its own.
        assert queue.has_failed(poison.id, now) is (number >= SUSPECT)
        taken = news("rate-limited", f"agent-{number}")
        queue.add([taken])
        assert queue.next(now) == taken
        queue.was_taken(taken.id)
        now += 100.0
    assert queue.is_hopeless(poison.id)


def test_a_suspect_waits_for_its_pause_and_goes_behind_all_others() -> None:
    poison, other = news("process-down", "ada", severity=CRITICAL), news("rate-limited", "bob")
    queue = queue_of(poison)
    for number in range(SUSPECT):
        queue.has_failed(poison.id, 0.0)
        queue.was_taken(f"other {number}")
    queue.add([other])
    assert queue.next(0.0) == other
    queue.remove(other.id)
    queue.has_failed(poison.id, 0.0)
    due = queue.next_due()
    assert due is not None
    assert due > 0.0
    assert queue.next(0.0) is None
    assert queue.next(due) == poison


def test_an_outage_of_the_route_is_nobodys_fault_and_breaks_no_order() -> None:
    """Where other agents' messages fail, too, each agent's first one is tried before its second."""
    queue = queue_of(*(news(code, who) for code in ("c-one", "c-two") for who in ("ada", "bob")))
    for _ in range(2 * PASSED - 1):
        message = queue.next(0.0)
        assert message is not None
        assert message.code == "c-one"
        assert not queue.has_failed(message.id, 0.0)
    assert not any(map(queue.is_hopeless, [one.id for one in queue]))


def test_alone_with_one_agent_a_failing_message_is_passed_but_never_by_news_of_itself() -> None:
    begin, end = news("disk-pressure", "ada"), news("disk-pressure", "ada", state=RESOLVED)
    later = news("rate-limited", "ada")
    queue = queue_of(begin, end, later)
    for _ in range(PASSED):
        assert queue.next(0.0) == begin
        queue.has_failed(begin.id, 0.0)
    assert queue.next(0.0) == later


def test_the_hubs_own_alerts_are_one_chain() -> None:
    begin, worst = news("acl-open", ""), news("broker-down", "", severity=CRITICAL)
    assert drained(queue_of(begin, worst)) == [begin, worst]


def test_what_matters_least_is_given_up_first() -> None:
    worst = news("process-down", "ada", severity=CRITICAL)
    old, new = news("rate-limited", "bob"), news("rate-limited", "cyd")
    assert queue_of(worst, old, new).least() == old


def test_parts_take_the_place_of_the_whole() -> None:
    whole, after = news("rate-limited", "ada", "bob", "cyd"), news("rate-limited", "dan")
    queue = queue_of(whole, after)
    queue.replace(whole.id, whole.halves())
    assert [[m.agent for m in one.members] for one in queue] == [["ada"], ["bob", "cyd"], ["dan"]]
