"""A group is delivered once, whatever fails on the way and whoever restarts."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Sequence
from pathlib import Path

import pytest

from fleet.contract.vocabulary import AlertState, Severity
from fleet.domain.alert import Alert, AlertGroup
from fleet.notifier import delivery
from fleet.notifier.delivery import Delivery
from fleet.notifier.kept_state import InStore
from fleet.notifier.notification import Notification
from fleet.notifier.refusals import Refusal, SendError
from fleet.notifier.routes import Channel, Route
from fleet.notifier.set_aside import MAX_SET_ASIDE
from tests.support.waiting import eventually

ROUTE = Route("oncall", Channel.WEBHOOK, url="http://127.0.0.1:9/")


@pytest.fixture(autouse=True)
def _hurried(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(delivery, "FIRST", 0.001)
    monkeypatch.setattr(delivery, "LONGEST", 0.01)


def group(
    code: str = "disk-pressure",
    since: float = 1e9,
    severity: Severity = Severity.WARNING,
    names: Sequence[str] = ("ada", "bob"),
) -> Notification:
    alerts = tuple(Alert(name, code, severity, AlertState.FIRING, since) for name in names)
    return Notification.of(AlertGroup(code, AlertState.FIRING, severity, alerts))


class Receiver:
    """Fails `failures` times, then takes everything."""

    def __init__(self, failures: int = 0) -> None:
        self.failures = failures
        self.got: list[str] = []

    def __call__(self, route: Route, group: Notification) -> None:
        if self.failures:
            self.failures -= 1
            raise SendError("route oncall failed", "HTTP 500")
        self.got.append(group.code)


class Picky:
    """Answers each code as `refusals` say; takes all others, and `largest` members at most."""

    def __init__(self, refusals: dict[str, Refusal] | None = None, largest: int = 10**6) -> None:
        self.refusals = refusals or {}
        self.largest = largest
        self.got: list[str] = []
        self.agents: list[list[str]] = []

    def __call__(self, route: Route, group: Notification) -> None:
        refusal = self.refusals.get(group.code)
        if len(group.members) > self.largest:
            refusal = Refusal.TOO_LARGE
        if refusal is not None:
            raise SendError("route oncall failed", f"told {refusal}", refusal=refusal)
        self.got.append(group.code)
        self.agents.append([member.agent for member in group.members])


async def during(one: Delivery, fact: Callable[[], object]) -> None:
    task = asyncio.create_task(one.run())
    try:
        await eventually(fact)
    finally:
        task.cancel()
        await asyncio.wait([task])  # it leaves its state on the disk


async def test_it_is_tried_until_it_is_taken_and_told_once(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    receiver = Receiver(failures=4)
    one = Delivery(ROUTE, tmp_path, receiver)
    await one.enqueue(group())
    await one.enqueue(group())
    with caplog.at_level(logging.WARNING):
        await during(one, lambda: receiver.got)
        await eventually(lambda: not len(one))
    assert (receiver.got, one.sent, one.failures) == (["disk-pressure"], 1, 4)
    assert one.working
    assert len(caplog.records) == 2, "once that it fails, once that it works again"


async def test_what_a_receiver_never_takes_is_set_aside_and_holds_nothing_up(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    receiver = Picky({"bad-name": Refusal.REFUSED})
    one = Delivery(ROUTE, tmp_path, receiver)
    await one.enqueue(group("bad-name"))
    await one.enqueue(group("process-down", severity=Severity.CRITICAL))
    await one.enqueue(group("rate-limited"))
    await during(one, lambda: len(one.set_aside) == 1 and not len(one))
    assert sorted(receiver.got) == ["process-down", "rate-limited"]
    assert (one.refused, one.failures, one.dropped, one.sent) == (1, 1, 0, 2)
    [kept] = one.as_dict()["set_aside"]
    assert (kept["code"], kept["agents"], kept["why"]) == (
        "bad-name",
        ["ada", "bob"],
        "told refused",
    )
    assert "fleet alerts retry oncall" in caplog.text

    again = Delivery(ROUTE, tmp_path, Picky())
    again.restore()
    assert [one.message.code for one in again.set_aside] == ["bad-name"]
    await again.enqueue(group("bad-name"))
    assert len(again) == 0, "what is set aside is not tried by itself"
    assert await again.retry() == 1
    await during(again, lambda: again.sent == 1)
    assert len(again.set_aside) == 0


async def test_a_message_that_fails_for_ever_while_others_are_taken_is_set_aside(
    tmp_path: Path,
) -> None:
    """A receiver that answers 500 to one message, as a service behind apprise does."""
    receiver = Picky({"bad-name": Refusal.FAILED})
    one = Delivery(ROUTE, tmp_path, receiver)
    poison = group("bad-name", severity=Severity.CRITICAL)
    await one.enqueue(poison)
    task = asyncio.create_task(one.run())
    try:
        for number in range(3_000):
            await one.enqueue(group("rate-limited", since=1e9 + number))
            await eventually(
                lambda: set(one._queue) <= {group("bad-name", severity=Severity.CRITICAL)}
            )
            if one.refused:
                break
    finally:
        task.cancel()
    assert (one.refused, len(one.set_aside), len(one)) == (1, 1, 0)


async def test_later_news_of_the_same_alert_make_what_was_set_aside_untrue(tmp_path: Path) -> None:
    receiver = Picky({"disk-pressure": Refusal.REFUSED})
    one = Delivery(ROUTE, tmp_path, receiver)
    await one.enqueue(group())
    await during(one, lambda: one.refused == 1)
    bobs = Alert("bob", "disk-pressure", Severity.WARNING, AlertState.RESOLVED, 2e9)
    over = AlertGroup("disk-pressure", AlertState.RESOLVED, Severity.WARNING, (bobs,))
    await one.enqueue(Notification.of(over))
    assert [[m.agent for m in kept.message.members] for kept in one.set_aside] == [["ada"]]


async def test_a_message_that_is_too_large_is_split_until_its_parts_are_taken(
    tmp_path: Path,
) -> None:
    receiver = Picky(largest=2)
    one = Delivery(ROUTE, tmp_path, receiver)
    names = [f"agent-{number}" for number in range(7)]
    alerts = tuple(
        Alert(n, "agent-stale", Severity.CRITICAL, AlertState.FIRING, 1e9) for n in names
    )
    whole = Notification.of(AlertGroup("agent-stale", AlertState.FIRING, Severity.CRITICAL, alerts))
    await one.enqueue(whole)
    await during(one, lambda: not len(one))
    assert sorted(name for part in receiver.agents for name in part) == names
    assert max(map(len, receiver.agents)) == 2
    await one.enqueue(whole)
    assert len(one) == 0, "it was told, in parts"


async def test_what_names_one_agent_and_is_too_large_is_set_aside(tmp_path: Path) -> None:
    one = Delivery(ROUTE, tmp_path, Picky(largest=0))
    await one.enqueue(group())
    await during(one, lambda: not len(one))
    assert one.refused == 2


async def test_the_pause_that_a_receiver_asks_for_is_kept_by_everything_on_its_route(
    tmp_path: Path,
) -> None:
    calls: list[str] = []

    def asks(route: Route, group: Notification) -> None:
        calls.append(group.code)
        raise SendError("failed", "HTTP 429", refusal=Refusal.AWAY, retry_after=3600.0)

    one = Delivery(ROUTE, tmp_path, asks)
    await one.enqueue(group())
    task = asyncio.create_task(one.run())
    try:
        await eventually(lambda: one.paused)
        await one.enqueue(group("process-down", severity=Severity.CRITICAL))
        await one.say_again(group("process-down", severity=Severity.CRITICAL))
        await asyncio.sleep(0.05)
        assert calls == ["disk-pressure"]
        await one.retry()  # a person may
        await eventually(lambda: len(calls) == 2)
    finally:
        task.cancel()


async def test_what_is_set_aside_is_bounded(tmp_path: Path) -> None:
    one = Delivery(ROUTE, tmp_path, Picky({"disk-pressure": Refusal.REFUSED}))
    for number in range(MAX_SET_ASIDE + 3):
        alert = Alert(f"agent-{number}", "disk-pressure", Severity.INFO, AlertState.FIRING, 1e9)
        told = AlertGroup("disk-pressure", AlertState.FIRING, Severity.INFO, (alert,))
        await one.enqueue(Notification.of(told))
    await during(one, lambda: not len(one))
    assert (len(one.set_aside), one.refused, one.dropped) == (MAX_SET_ASIDE, MAX_SET_ASIDE + 3, 3)


async def test_what_waits_survives_a_restart_and_what_was_told_is_not_told_again(
    tmp_path: Path,
) -> None:
    first = Delivery(ROUTE, tmp_path, Receiver())
    await first.enqueue(group("disk-pressure"))
    await during(first, lambda: not len(first))
    await first.enqueue(group("rate-limited"))

    receiver = Receiver()
    second = Delivery(ROUTE, tmp_path, receiver)
    second.restore()
    await second.enqueue(group("disk-pressure"))
    assert len(second) == 1
    await during(second, lambda: receiver.got)
    assert receiver.got == ["rate-limited"]


async def test_below_its_severity_a_route_hears_nothing(tmp_path: Path) -> None:
    route = Route("oncall", Channel.WEBHOOK, Severity.CRITICAL, "http://127.0.0.1:9/")
    one = Delivery(route, tmp_path, Receiver())
    await one.enqueue(group())
    assert len(one) == 0


async def test_the_queue_is_bounded_and_says_what_it_dropped(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(delivery, "MAX_WAITING", 3)
    one = Delivery(ROUTE, tmp_path, Receiver())
    for since in range(5):
        await one.enqueue(group(since=1e9 + since))
    assert (len(one), one.dropped) == (3, 2)


async def test_a_damaged_file_is_no_reason_to_stay_silent(tmp_path: Path) -> None:
    (tmp_path / "oncall.json").write_text('{"waiting": [{}]}')
    receiver = Receiver()
    one = Delivery(ROUTE, tmp_path, receiver)
    one.restore()
    await one.enqueue(group())
    await during(one, lambda: receiver.got)


def test_a_group_is_read_back_as_it_was_written() -> None:
    one = group()
    assert Notification.from_json(one.as_json()) == one
    assert one.title == "disk-pressure (warning): ada, bob"
    assert one.meaning == "the disk is nearly full"


def test_the_same_news_has_the_same_id_and_other_news_another() -> None:
    assert group().id == group().id
    assert len({group().id, group(since=2e9).id, group("rate-limited").id}) == 3


class Shared:
    """Documents of a store that two hubs share."""

    def __init__(self) -> None:
        self.texts: dict[str, str] = {}

    def read(self, name: str) -> str | None:
        return self.texts.get(name)

    def write(self, name: str, text: str) -> None:
        self.texts[name] = text


async def test_the_next_hub_tells_only_what_the_last_one_was_not_given(tmp_path: Path) -> None:
    """It groups anew, with whoever came since, and knows each alert by itself."""
    shared = Shared()
    receiver = Picky()
    last = Delivery(ROUTE, tmp_path / "a", receiver, InStore(shared, ROUTE.name))
    await last.enqueue(group(names=["ada"]))
    following = Delivery(ROUTE, tmp_path / "b", receiver, InStore(shared, ROUTE.name))
    following.restore()
    await following.enqueue(group(names=["ada", "bob"]))
    await following.enqueue(group(names=["bob", "ada"]))
    await during(following, lambda: len(receiver.agents) == 2)
    assert receiver.agents == [["ada"], ["bob"]]


async def test_a_hub_that_was_killed_tells_only_what_it_was_not_given(tmp_path: Path) -> None:
    """One hub alone groups anew, too, when it is back."""
    receiver = Picky()
    await Delivery(ROUTE, tmp_path, receiver).enqueue(group(names=["ada"]))
    again = Delivery(ROUTE, tmp_path, receiver)
    again.restore()
    await again.enqueue(group(names=["ada", "bob"]))
    await during(again, lambda: len(receiver.agents) == 2)
    assert receiver.agents == [["ada"], ["bob"]]


async def test_who_was_told_that_it_is_worse_is_not_told_that_it_is_milder(tmp_path: Path) -> None:
    """As by the next hub after a kill, which tells anew how it is by then."""
    got: list[str] = []
    delivery = Delivery(ROUTE, tmp_path, lambda _route, told: got.append(told.severity.value))
    for severity in (Severity.WARNING, Severity.CRITICAL, Severity.WARNING, Severity.INFO):
        await delivery.enqueue(group(severity=severity))
    await delivery.enqueue(group(since=2e9))
    await during(delivery, lambda: len(got) == 3)
    assert got == ["warning", "critical", "warning"]
