"""What a worker made is not made again because the hub was away, and never counts twice."""

from __future__ import annotations

import os
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from agent_sidecar.work.fake_hub import FakeHub, Kept
from agent_sidecar.work.hub import Claim, HubAway, NotAdmitted
from agent_sidecar.work.loop import WorkLoop
from fleet.contract.work_vocabulary import BoardSection, TaskReason, TaskState
from tests.support.waiting import wait_until
from tests.support.workers import Bench

pytestmark = [
    pytest.mark.skipif(sys.platform != "linux", reason="the rungs need Linux"),
    pytest.mark.timeout(120),
]


@pytest.fixture
def bench(tmp_path: Path) -> Bench:
    return Bench(tmp_path / "work")


class Away:
    """A hub in this process that hears of a result, and does not answer until it is `back`."""

    def __init__(self, hub: FakeHub, monkeypatch: pytest.MonkeyPatch) -> None:
        self.back = threading.Event()
        self.asked = threading.Event()
        for name in ("renew", "complete"):
            monkeypatch.setattr(hub, name, partial(self._ask, name, getattr(hub, name)))

    def _ask(self, name: str, answers: Callable[..., Any], claim: Claim, *given: Any) -> Any:
        if name == "complete":
            self.asked.set()
        if not self.back.is_set():
            raise HubAway("the hub is away", "no answer", "")
        return answers(claim, *given)


def run_out(loop: WorkLoop, kept: Kept) -> None:
    """Have the lease be over, at the hub and at the worker's."""
    kept.until = 0.0
    for attempt in loop._running.values():
        attempt._renewal.until = attempt._renewal._next = time.monotonic() - 1.0


@contextmanager
def running(loop: WorkLoop, away: Away, *, once: bool = False) -> Iterator[None]:
    """The loop, from when a result is made that the hub does not hear of."""
    thread = threading.Thread(target=loop.run, kwargs={"once": once})
    thread.start()
    try:
        wait_until(away.asked.is_set, what="that there is a result")
        yield
    finally:
        loop.stop()
        thread.join()


def test_a_result_waits_for_a_hub_that_is_away_for_longer_than_its_lease(
    bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    kept, away = bench.hub.submit("job", b"x"), Away(bench.hub, monkeypatch)
    loop = bench.loop("echo made > out/x", parallel=2)
    with running(loop, away):
        run_out(loop, kept)
        assert bench.hub.offered(), "the hub gives it to whoever asks"
        away.back.set()
        wait_until(lambda: kept.state is TaskState.COMPLETED, what="that the result is there")
    assert (kept.epoch, kept.reasons) == (1, [TaskReason.LEASE_EXPIRED]), "it was made once"
    assert bench.left() == []
    assert not list(bench.state.glob("kept/*"))


def test_what_no_hub_took_is_kept_for_whoever_looks_and_where_is_said(
    bench: Bench, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    kept, away = bench.hub.submit("job", b"x"), Away(bench.hub, monkeypatch)
    loop = bench.loop("echo made > out/x; echo seen > out/findings/y")
    with running(loop, away, once=True):
        run_out(loop, kept)
        wait_until(lambda: list(bench.state.glob("kept/*/findings/y")), what="that it is kept")
    [place] = (bench.state / "kept").iterdir()
    assert ((place / "x").read_text(), (place / "findings/y").read_text()) == ("made\n", "seen\n")
    assert place.stat().st_mode & 0o777 == 0o700
    told = [line.getMessage() for line in caplog.records if line.levelname == "WARNING"]
    assert any(kept.task in line and str(place) in line for line in told), told
    kept.state = TaskState.CANCELED
    os.utime(place, (0, 0))
    bench.loop("true").run(once=True)
    assert not place.exists(), "a day is over"


def test_a_result_whose_task_is_anothers_by_now_is_kept_here_and_does_not_count(
    bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    kept, away = bench.hub.submit("job", b"x"), Away(bench.hub, monkeypatch)
    loop = bench.loop("echo made > out/x")
    with running(loop, away):
        run_out(loop, kept)
        assert bench.hub.claim(kept.task) is not None
        away.back.set()
        wait_until(lambda: list(bench.state.glob("kept/*/x")), what="that it is kept")
    assert (kept.state, kept.epoch, kept.output) == (TaskState.WORKING, 2, ())


def stopped_with_a_result(
    bench: Bench, monkeypatch: pytest.MonkeyPatch, script: str = "echo made > out/x"
) -> Kept:
    """A task whose result a sidecar kept when it was stopped, for its hub did not answer."""
    with monkeypatch.context() as patches:
        kept = bench.hub.submit("job", b"x")
        away = Away(bench.hub, patches)
        for name in ("complete", "ask"):
            patches.setattr(bench.hub, name, partial(away._ask, "complete", None))
        with running(bench.loop(script), away):
            assert kept.state is TaskState.WORKING
    [place] = (bench.state / "kept").iterdir()
    assert (place / ".claim").exists()
    return kept


@pytest.mark.parametrize("lease", ["holds", "ran out"])
def test_the_next_start_hands_over_what_a_stop_kept(
    bench: Bench, monkeypatch: pytest.MonkeyPatch, lease: str
) -> None:
    script = "echo made > out/x; echo seen > out/findings/y"
    kept = stopped_with_a_result(bench, monkeypatch, script)
    if lease == "ran out":
        kept.until = 0.0
        assert bench.hub.offered(), "the hub gives it to whoever asks"
    loop = bench.loop("echo again > out/x")
    loop.run(once=True)
    assert (kept.state, kept.epoch) == (TaskState.COMPLETED, 1), "it was made once"
    assert [bench.hub.blobs[one.digest] for one in kept.output] == [b"made\n"]
    assert bench.hub.read(kept, BoardSection.FINDINGS, "y") == b"seen\n"
    assert (loop.done, loop.failed) == (1, 0)
    assert not list(bench.state.glob("kept/*"))


def test_a_question_that_a_stop_kept_is_asked_at_the_next_start(
    bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    kept = stopped_with_a_result(bench, monkeypatch, "echo when > out/question.md; exit 75")
    bench.loop("exit 9").run(once=True)
    assert kept.state is TaskState.INPUT_REQUIRED
    assert [bench.hub.blobs[one.digest] for one in kept.output] == [b"when\n"]


def test_what_was_kept_does_not_count_where_another_has_the_task_by_now(
    bench: Bench, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    kept = stopped_with_a_result(bench, monkeypatch)
    kept.until = 0.0
    assert bench.hub.claim(kept.task) is not None
    for _ in range(2):  # the second start asks nobody any more
        bench.loop("exit 9").run(once=True)
    assert (kept.state, kept.epoch, kept.output) == (TaskState.WORKING, 2, ())
    [place] = (bench.state / "kept").iterdir()
    assert (place / "x").read_text() == "made\n", "for whoever looks"
    told = [line for line in caplog.messages if "is not taken" in line]
    assert len(told) == 1
    assert str(place) in told[0]


def test_what_a_loss_of_power_left_half_is_not_handed_over(
    bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    kept = stopped_with_a_result(bench, monkeypatch)
    [place] = (bench.state / "kept").iterdir()
    (place / "x").write_text("")
    bench.loop("exit 9").run(once=True)
    assert kept.output == ()
    assert kept.reasons[0] is TaskReason.DIGEST_MISMATCH


def test_a_start_whose_hub_is_away_leaves_what_was_kept_to_the_next(
    bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    kept = stopped_with_a_result(bench, monkeypatch)
    with monkeypatch.context() as patches:
        away = Away(bench.hub, patches)
        patches.setattr(bench.hub, "renew", partial(away._ask, "complete", None))
        with running(bench.loop("exit 9"), away):
            pass
    assert kept.state is TaskState.WORKING
    bench.loop("exit 9").run(once=True)
    assert kept.state is TaskState.COMPLETED


def test_a_start_with_a_wrong_token_leaves_what_was_kept_to_the_next(
    bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    kept = stopped_with_a_result(bench, monkeypatch)

    def unknown(*_: Any) -> Any:
        raise NotAdmitted("the hub does not know the token", "HTTP 401", "")

    with monkeypatch.context() as patches:
        patches.setattr("agent_sidecar.work.kept_attempt.SOON", 0.5)
        patches.setattr(bench.hub, "renew", unknown)
        bench.loop("exit 9").run(once=True)
    assert kept.state is TaskState.WORKING
    bench.loop("exit 9").run(once=True)
    assert kept.state is TaskState.COMPLETED
