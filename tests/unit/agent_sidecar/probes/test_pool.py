"""A probe that hangs delays nothing and nobody."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from dataclasses import dataclass, field

import pytest

from agent_sidecar.probes.base import Probe, ProbeResult
from agent_sidecar.probes.pool import Pool
from fleet.contract.vocabulary import Check
from tests.support.waiting import wait_until


@dataclass
class Quick:
    name: str
    plane: str = "process"
    timeout: float = 5.0
    reads: str = ""
    ignores: str = ""
    runs: int = 0

    def run(self) -> ProbeResult:
        self.runs += 1
        return ProbeResult(self.plane, Check.PASS)


@dataclass
class Hanging(Quick):
    release: threading.Event = field(default_factory=threading.Event)

    def run(self) -> ProbeResult:
        self.runs += 1
        self.release.wait(30)
        return ProbeResult(self.plane, Check.PASS)


@dataclass
class Broken(Quick):
    def run(self) -> ProbeResult:
        raise RuntimeError("the client's secret")


class Bench:
    def __init__(self, *probes: Probe) -> None:
        self.pool = Pool(probes, lambda: None)
        self.found: dict[str, ProbeResult] = {}

    def submit(self) -> None:
        self.pool.submit(time.monotonic())
        self.pool.release()

    def collect(self) -> dict[str, ProbeResult]:
        for probe, result in self.pool.collect(time.monotonic()):
            self.found[probe.name] = result
        return self.found


@pytest.fixture
def hanging() -> Iterator[Hanging]:
    probe = Hanging("hangs", timeout=0.3)
    yield probe
    probe.release.set()


def test_all_probes_of_a_round_answer() -> None:
    bench = Bench(Quick("a"), Quick("b"), Quick("c"))
    bench.submit()
    wait_until(lambda: len(bench.collect()) == 3)
    assert not bench.pool.pending()
    bench.pool.close()


def test_quick_probes_share_one_thread() -> None:
    before = threading.active_count()
    bench = Bench(*(Quick(str(number)) for number in range(10)))
    for _ in range(3):
        bench.found.clear()
        bench.submit()
        wait_until(lambda: len(bench.collect()) == 10)
    assert threading.active_count() <= before + 1
    bench.pool.close()


def test_a_hanging_probe_does_not_hold_up_the_others(hanging: Hanging) -> None:
    bench = Bench(hanging, Quick("a"), Quick("b"))
    bench.submit()
    wait_until(lambda: {"a", "b"} <= set(bench.collect()))
    bench.pool.close()


def test_a_probe_past_its_timeout_is_unknown_and_not_started_again(hanging: Hanging) -> None:
    bench = Bench(hanging, Quick("a"))
    bench.submit()
    wait_until(lambda: "hangs" in bench.collect())
    assert bench.found["hangs"].check is Check.UNKNOWN
    assert not bench.pool.pending()
    for _ in range(5):
        bench.submit()
    assert hanging.runs == 1
    bench.pool.close()


def test_a_probe_that_comes_back_is_run_again(hanging: Hanging) -> None:
    bench = Bench(hanging)
    bench.submit()
    wait_until(lambda: "hangs" in bench.collect())
    hanging.release.set()
    bench.found.clear()

    def again() -> bool:
        bench.submit()
        return "hangs" in bench.collect()

    wait_until(again)
    assert bench.found["hangs"].check is Check.PASS
    bench.pool.close()


def test_a_broken_probe_is_unknown_and_its_words_are_not_logged(
    caplog: pytest.LogCaptureFixture,
) -> None:
    bench = Bench(Broken("broken"), Quick("a"))
    bench.submit()
    wait_until(lambda: len(bench.collect()) == 2)
    assert bench.found["broken"].check is Check.UNKNOWN
    assert "RuntimeError" in caplog.text
    assert "secret" not in caplog.text
    bench.pool.close()


def test_what_came_since_the_last_look_still_belongs_to_the_round() -> None:
    """Else a round were over, and a command answered, without the answer of its last probe."""
    came = threading.Event()
    pool = Pool([Quick("a")], came.set)
    pool.submit(time.monotonic())
    pool.release()
    assert came.wait(10)
    assert pool.pending()
    assert [probe.name for probe, _ in pool.collect(time.monotonic())] == ["a"]
    assert not pool.pending()
    pool.close()


def test_nothing_begins_before_the_one_who_asked_is_about_to_sleep() -> None:
    probe, came = Quick("a"), threading.Event()
    pool = Pool([probe], came.set)
    pool.submit(time.monotonic())
    assert not came.wait(0.05)
    assert probe.runs == 0
    assert pool.pending(), "the round has begun all the same"
    pool.release()
    assert came.wait(10)
    pool.release()
    assert probe.runs == 1, "once a round"
    pool.close()
