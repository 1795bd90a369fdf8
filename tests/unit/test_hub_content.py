"""A large file goes on where its link broke, however long that held, as long as more comes."""

from __future__ import annotations

import io
import os
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any, NamedTuple

import pytest

from fleet import hub_content
from fleet.contract.errors import ConfigError
from fleet.hub_client import AwayError, BusyError, HubError, UnavailableError
from fleet.hub_content import AWAY, RESUMED, TRIES, describe, insisted, upload

SIZE = 8 * RESUMED
RESET = "Connection reset by peer"


class Clock:
    now = 1000.0

    def monotonic(self) -> float:
        return self.now

    def sleep(self, seconds: float) -> None:
        self.now += seconds


class Leg(NamedTuple):
    """A link that breaks: after how long, how many MiB the hub has taken, and for how long it is
    away then."""

    seconds: float
    takes: int
    away: float = 0.0


class Hub:
    """Takes a file over links that break, one after the other, and then over one that holds."""

    def __init__(self, clock: Clock, legs: Iterable[Leg]) -> None:
        self.clock = clock
        self.legs = iter(legs)
        self.there = 0
        self.back = 0.0
        self.sent: list[int] = []
        """Where each try began."""

    @contextmanager
    def opened(
        self, _method: str, _address: str, data: Iterable[bytes], headers: Mapping[str, str]
    ) -> Iterator[io.BytesIO]:
        if self.clock.now < self.back:
            raise AwayError("the hub does not answer", "Connection refused", "fleet serve")
        begin = headers["Content-Range"].removeprefix("bytes ").split("-")[0]
        if begin.startswith("*") or int(begin) != self.there:
            raise self.elsewhere()
        self.sent.append(self.there)
        leg = next(self.legs, None)
        if leg is None:
            self.there += sum(map(len, data))
            yield io.BytesIO()
            return
        self.clock.now += leg.seconds
        self.there += leg.takes * RESUMED
        self.back = self.clock.now + leg.away
        raise AwayError("the hub does not answer", RESET, "fleet serve")

    def elsewhere(self) -> HubError:
        error = HubError("the hub refuses", "it goes on elsewhere", "")
        error.offset = self.there
        return error


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    clock = Clock()
    monkeypatch.setattr(hub_content, "time", clock)
    return clock


@pytest.fixture
def file(tmp_path: Path) -> Path:
    path = tmp_path / "large"
    with path.open("wb") as stream:
        stream.truncate(SIZE)
    return path


def send(hub: Any, file: Path) -> list[str]:
    told: list[str] = []
    upload(lambda: hub, file, describe(file), {"context": "c"}, lambda _more: None, told.append)
    return told


@pytest.mark.parametrize(
    "legs",
    [
        [Leg(10 * AWAY, 2)],
        [Leg(AWAY - 10, 2, away=AWAY - 10)],
        [Leg(AWAY + 10, 1, away=AWAY / 2)] * 7,
        [Leg(AWAY + 10, 0), Leg(AWAY + 10, 3), Leg(1, 0, away=AWAY / 2), Leg(AWAY + 10, 1)],
        [Leg(1, 0)] * (TRIES - 1) + [Leg(1, 1)] + [Leg(1, 0)] * (TRIES - 1),
        [Leg(1, 7), Leg(1, -7), Leg(AWAY + 10, 1)],
    ],
    ids=["long", "away", "slow", "no-more-once", "no-more-often", "begun-anew"],
)
def test_what_held_for_long_or_brought_nothing_once_is_gone_on_from(
    clock: Clock, file: Path, legs: list[Leg]
) -> None:
    hub = Hub(clock, legs)
    send(hub, file)
    assert hub.there == SIZE
    assert len(hub.sent) == len(legs) + 1


def test_a_hub_that_stays_away_is_waited_for_from_the_break_on(clock: Clock, file: Path) -> None:
    hub = Hub(clock, [Leg(5 * AWAY, 3, away=float("inf"))])
    begun = clock.now
    with pytest.raises(HubError, match="Connection refused"):
        send(hub, file)
    assert AWAY - 5 <= clock.now - begun - 5 * AWAY <= AWAY


@pytest.mark.parametrize("legs", [[Leg(1, 3)], [Leg(1, 3), Leg(1, -3)]], ids=["kept", "lost"])
def test_what_came_in_part_is_told_as_that(clock: Clock, file: Path, legs: list[Leg]) -> None:
    """Not as too large: the hub took some of it."""
    hub = Hub(clock, [*legs, *[Leg(1, 0)] * TRIES])
    with pytest.raises(HubError) as failed:
        send(hub, file)
    assert f"came in part, {hub.there} of {SIZE} bytes: " in str(failed.value)
    assert RESET in failed.value.why
    assert "blob_mb" not in str(failed.value)
    assert "the same again within 10 minutes" in failed.value.remedy


def test_a_file_of_which_nothing_is_taken_may_be_too_large(clock: Clock, file: Path) -> None:
    hub = Hub(clock, [Leg(0, 0)] * 100)
    with pytest.raises(HubError, match=r"the hub did not take .*\nTry: blob_mb"):
        send(hub, file)
    assert hub.sent == [0] * TRIES


def test_what_comes_in_between_the_question_and_the_rest_is_no_end(
    clock: Clock, file: Path
) -> None:
    """A hub notices late that a link broke."""

    class Late(Hub):
        def elsewhere(self) -> HubError:
            found = super().elsewhere()
            self.there = 2 * RESUMED
            return found

    hub = Late(clock, [])
    send(hub, file)
    assert hub.sent == [2 * RESUMED]


def test_a_hub_that_has_too_much_to_do_is_asked_again(clock: Clock, file: Path) -> None:
    class Busy(Hub):
        asked = 0

        def elsewhere(self) -> HubError:
            self.asked += 1
            if self.asked > 2:
                return super().elsewhere()
            busy = BusyError("the hub refuses", "too many uploads at once", "")
            busy.seconds = 7.0
            return busy

    hub = Busy(clock, [])
    begun = clock.now
    send(hub, file)
    assert clock.now - begun >= 14
    assert hub.there == SIZE


def test_what_the_hub_refuses_is_not_tried_again(clock: Clock, file: Path) -> None:
    class Refuses(Hub):
        def elsewhere(self) -> HubError:
            return HubError("the hub refuses", "the group has no room", "")

    with pytest.raises(HubError, match="no room"):
        send(Refuses(clock, []), file)
    assert clock.now == Clock.now


class Proxy(Hub):
    """What stands before a hub that is away says so, in the middle of an upload."""

    @contextmanager
    def opened(
        self, method: str, address: str, data: Any, headers: Mapping[str, str]
    ) -> Iterator[io.BytesIO]:
        try:
            with super().opened(method, address, data, headers) as answer:
                yield answer
        except AwayError:
            raise UnavailableError("the hub refuses", "HTTP 502", "fleet doctor") from None


def test_a_proxy_whose_hub_is_away_for_a_while_ends_no_upload(clock: Clock, file: Path) -> None:
    hub = Proxy(clock, [Leg(1, 2, away=AWAY / 2), Leg(1, 1)])
    told = send(hub, file)
    assert hub.there == SIZE
    assert told == [f"{file}: HTTP 502; it goes on by itself, for up to 60 s"], "told once"


class Small(Hub):
    """Takes what it is not asked about first, too."""

    @contextmanager
    def opened(
        self, method: str, address: str, data: Any, headers: Mapping[str, str]
    ) -> Iterator[io.BytesIO]:
        if "Content-Range" in headers:
            with super().opened(method, address, data, headers) as answer:
                yield answer
            return
        self.sent.append(-1)
        taken = sum(map(len, data))
        leg = next(self.legs, None)
        if leg is not None:
            self.back = self.clock.now + leg.away
            raise AwayError("the hub does not answer", RESET, "fleet serve")
        self.there = taken
        yield io.BytesIO()


@pytest.fixture
def note(tmp_path: Path) -> Path:
    path = tmp_path / "note.md"
    path.write_text("a line")
    return path


def test_a_small_file_is_sent_at_once_and_goes_on_where_its_link_broke(
    clock: Clock, note: Path
) -> None:
    hub = Small(clock, [])
    assert send(hub, note) == []
    assert hub.sent == [-1]
    hub = Small(clock, [Leg(0, 0, away=AWAY / 2)])
    assert RESET in send(hub, note)[0]
    assert hub.sent == [-1, 0]
    assert hub.there == 6


def test_a_hub_that_was_never_reached_is_not_waited_for(
    clock: Clock, file: Path, note: Path, tmp_path: Path
) -> None:
    (tmp_path / "empty").touch()
    for path in (file, note, tmp_path / "empty"):
        hub = Hub(clock, [])
        hub.back = float("inf")
        with pytest.raises(AwayError, match="refused"):
            send(hub, path)
    assert clock.now == Clock.now


def test_what_is_the_same_twice_is_asked_again_for_a_while(clock: Clock) -> None:
    told: list[str] = []
    answers = iter([AwayError("away", RESET), UnavailableError("away", "HTTP 503"), "made"])

    def ask() -> str:
        answer = next(answers)
        if isinstance(answer, HubError):
            raise answer
        return str(answer)

    assert insisted(ask, told.append) == "made"
    assert [line.split(";")[0] for line in told] == [RESET, "HTTP 503"]

    def never() -> str:
        raise AwayError("away", RESET)

    begun = clock.now
    with pytest.raises(AwayError):
        insisted(never, told.append)
    assert AWAY - 5 <= clock.now - begun <= AWAY


def test_a_pipe_is_refused_and_not_waited_for(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe")
    with pytest.raises(ConfigError, match="no plain file"):
        describe(tmp_path / "pipe")
