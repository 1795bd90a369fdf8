"""A result that waits for its hub is not lost with the sidecar that waits."""

from __future__ import annotations

import os
import threading
from collections.abc import Callable, Iterator
from contextlib import suppress
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from agent_sidecar.work.collect import Output
from agent_sidecar.work.hand_over import HandOver
from agent_sidecar.work.hub import Claim, Descriptor, HubAway, LeaseLost
from agent_sidecar.work.kept_results import FOLDER, keep_result
from agent_sidecar.work.leftovers import sweep
from agent_sidecar.work.renewal import Renewal

CLAIM = Claim("01J", "job", "01C", 1, 1, 60.0, 60.0)
NAME = CLAIM.name


class Hub:
    """Takes whatever it is given."""

    def store_blob(self, *_: Any) -> None: ...

    def complete(self, *_: Any) -> None: ...


class Out:
    """A lease that ran out while the hub was away."""

    def __init__(self, state: Path) -> None:
        self.has_result = False
        self.ran_out = True
        self.lost = False
        self.until = 0.0
        self.state = state
        self.waits = 0

    may_pass: Any = Renewal.may_pass

    @property
    def kept(self) -> Path:
        return self.state / FOLDER / NAME / "answer"


@pytest.fixture
def output(tmp_path: Path) -> Iterator[Output]:
    out = tmp_path / "tasks" / NAME / "out"
    out.mkdir(parents=True)
    (out / "answer").write_text("42")
    handle = os.open(out / "answer", os.O_RDONLY)
    content = Descriptor("sha256:" + "0" * 64, 2)
    yield Output(None, "answer", handle, content)
    os.close(handle)


@pytest.fixture
def lease(tmp_path: Path) -> Out:
    return Out(tmp_path)


def keeping(
    lease: Out, output: Output, keep: Callable[..., Path] = keep_result
) -> Callable[[], Path]:
    return partial(keep, lease.state, CLAIM, [output], asks=False)


def bring(lease: Out, output: Output, keep: Callable[..., Path] = keep_result) -> None:
    hub: Any = Hub()
    renewal: Any = lease
    over = HandOver(hub, CLAIM, renewal)
    over.patience = float("inf")
    over.bring([output], False, keeping(lease, output, keep))


def waiting(monkeypatch: pytest.MonkeyPatch, then: Any) -> None:
    """What happens in place of a pause."""
    monkeypatch.setattr("agent_sidecar.work.hand_over.time.sleep", lambda _: then())


def test_what_waits_past_its_lease_outlives_a_sidecar_that_is_killed(
    lease: Out, output: Output, monkeypatch: pytest.MonkeyPatch
) -> None:
    class Killed(BaseException):
        """Nothing of this process runs any more."""

    def kill() -> None:
        raise Killed

    waiting(monkeypatch, kill)
    with pytest.raises(Killed):
        bring(lease, output)
    sweep(lease.state / "tasks", [])
    assert not (lease.state / "tasks" / NAME).exists()
    assert lease.kept.read_text() == "42"


def test_what_the_hub_took_in_the_end_is_not_kept(
    lease: Out, output: Output, monkeypatch: pytest.MonkeyPatch
) -> None:
    def back() -> None:
        assert lease.kept.exists()
        lease.waits += 1
        lease.ran_out = lease.waits < 3

    waiting(monkeypatch, back)
    bring(lease, output)
    assert not lease.kept.parent.exists()


def test_what_it_did_not_take_in_the_end_is_kept_for_a_day_from_then_on(
    lease: Out, output: Output, monkeypatch: pytest.MonkeyPatch
) -> None:
    def lost() -> None:
        lease.lost = True
        os.utime(lease.kept.parent, (9.0, 9.0))

    waiting(monkeypatch, lost)
    with pytest.raises(LeaseLost):
        bring(lease, output)
    assert lease.kept.read_text() == "42"
    assert lease.kept.parent.stat().st_mtime > 9.0


def test_a_disk_without_room_is_told_once_and_the_result_waits_on(
    lease: Out, output: Output, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def full(*_: Any, **_more: Any) -> Path:
        raise OSError(28, "there is no room for it")

    def back() -> None:
        lease.waits += 1
        lease.ran_out = lease.waits < 3

    waiting(monkeypatch, back)
    bring(lease, output, full)
    assert len([one for one in caplog.records if "is not kept" in one.message]) == 1


def test_a_stop_in_the_middle_of_a_long_upload_keeps_the_result(lease: Out, output: Output) -> None:
    begins, goes_on = threading.Event(), threading.Event()

    class Slow(Hub):
        def store_blob(self, *_: Any) -> None:
            begins.set()
            goes_on.wait(30)

    lease.ran_out, lease.until = False, float("inf")
    hub: Any = Slow()
    renewal: Any = lease
    over = HandOver(hub, CLAIM, renewal)
    over.keep()
    assert not lease.kept.exists(), "there is nothing yet"
    bringing = threading.Thread(target=over.bring, args=([output], False, keeping(lease, output)))
    bringing.start()
    begins.wait(30)
    over.stopped = True
    over.keep()
    assert lease.kept.read_text() == "42"
    goes_on.set()
    bringing.join(30)
    assert not lease.kept.parent.exists(), "the hub has it"


def test_a_stop_keeps_what_waits(lease: Out, output: Output) -> None:
    lease.until = float("-inf")
    hub: Any = Hub()
    renewal: Any = lease
    over = HandOver(hub, CLAIM, renewal)
    over.stopped = True
    with pytest.raises(HubAway):
        over.bring([output], False, keeping(lease, output))
    assert lease.kept.read_text() == "42"


@pytest.mark.parametrize("taken", [True, False])
def test_an_upload_that_ends_while_a_stop_copies_what_was_made(
    lease: Out, output: Output, *, taken: bool
) -> None:
    """Nothing is copied from files that were closed, and nothing stays of what the hub has."""
    begins, goes_on, copies, copied = (threading.Event() for _ in range(4))

    class Slow(Hub):
        def store_blob(self, *_: Any) -> None:
            begins.set()
            goes_on.wait(30)
            if not taken:
                raise HubAway("the hub is away", "cut", "")

    def slow_copy(*given: Any, **asks: bool) -> Path:
        copies.set()
        copied.wait(30)
        return keep_result(*given, **asks)

    lease.ran_out, lease.until = False, float("inf")
    hub: Any = Slow()
    renewal: Any = lease
    over = HandOver(hub, CLAIM, renewal)

    def bring() -> None:
        with suppress(HubAway):
            over.bring([output], False, keeping(lease, output, slow_copy))

    bringing, copying = threading.Thread(target=bring), threading.Thread(target=over.keep)
    bringing.start()
    begins.wait(30)
    over.stopped = True
    copying.start()
    copies.wait(30)
    goes_on.set()
    bringing.join(0.2)
    assert bringing.is_alive(), "its files are open until they are copied"
    copied.set()
    bringing.join(30)
    copying.join(30)
    assert lease.kept.exists() is not taken
    over.keep()
    assert [one.name for one in (lease.state / FOLDER).glob("*")] == ([] if taken else [NAME])
