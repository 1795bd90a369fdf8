"""Runs probes in threads so that a hanging one delays nothing.

One thread runs all the quick probes one after the other. When a probe takes longer than
`PATIENCE`, another thread takes over the rest; so there are as many threads as probes that
hang, plus one. A probe that still hangs from the last time is not started again.
"""

from __future__ import annotations

import logging
import threading
import time
from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Final

from agent_sidecar.probes.base import Probe, ProbeResult
from fleet.contract.vocabulary import Check

log = logging.getLogger(__name__)

PATIENCE: Final = 0.1
"""Seconds that a probe may hold up the others of its round."""


class Pool:
    """`submit` a round, `release` it, then `collect` what has come; `wake` is called when something
    did."""

    def __init__(self, probes: Sequence[Probe], wake: Callable[[], None]) -> None:
        self._probes = probes
        self._wake = wake
        self._lock = threading.Condition()
        self._waiting: deque[Probe] = deque()
        self._started: dict[str, float] = {}
        self._results: list[tuple[Probe, ProbeResult]] = []
        self._overdue: set[str] = set()
        self._held = False
        self._idle = 0
        self._threads = 0
        self._look_at = 0.0
        self._closed = False

    def submit(self, now: float) -> None:
        """Have a round wait for `release`: every probe that is not still at work."""
        with self._lock:
            busy = {probe.name for probe in self._waiting} | set(self._started)
            self._waiting.extend(probe for probe in self._probes if probe.name not in busy)
            self._look_at = now + PATIENCE
            self._held = bool(self._waiting)

    def release(self) -> None:
        """Let a thread at what was submitted. For a moment when the caller is about to sleep: one
        that is woken before that only waits for the interpreter."""
        if self._held:
            with self._lock:
                self._held = False
                self._lock.notify()
                if not self._idle:
                    self._spawn()

    def collect(self, now: float) -> list[tuple[Probe, ProbeResult]]:
        """Results since the last call; a probe past its time-out is `UNKNOWN` once."""
        with self._lock:
            results, self._results = self._results, []
            for probe in self._probes:
                begun = self._started.get(probe.name)
                late = begun is not None and now - begun > probe.timeout
                if late and probe.name not in self._overdue:
                    self._overdue.add(probe.name)
                    results.append((probe, _unknown(probe, "no answer in time")))
            if self._waiting and now >= self._look_at and not self._idle:
                self._look_at = now + PATIENCE
                self._spawn()
        return results

    def pending(self) -> bool:
        """Whether a probe of this round may still answer in time, or an answer was not collected:
        what comes between a `collect` and this question belongs to the round, too."""
        with self._lock:
            waited_for = set(self._started) - self._overdue
            return bool(self._waiting or self._results or waited_for)

    def due(self, now: float) -> float | None:
        """When `collect` should be called again though nothing came (monotonic s)."""
        with self._lock:
            moments = [
                self._started[probe.name] + probe.timeout + 0.001
                for probe in self._probes
                if probe.name in self._started and probe.name not in self._overdue
            ]
            if self._waiting:
                moments.append(max(self._look_at, now))
        return min(moments, default=None)

    def close(self) -> None:
        with self._lock:
            self._closed = True
            self._waiting.clear()
            self._lock.notify_all()

    def _spawn(self) -> None:
        self._threads += 1
        threading.Thread(target=self._work, name=f"probes-{self._threads}", daemon=True).start()

    def _work(self) -> None:
        while True:
            with self._lock:
                self._idle += 1
                while not self._waiting and not self._closed:
                    if self._idle > 1:  # one idle thread is enough
                        break
                    self._lock.wait()
                self._idle -= 1
                if not self._waiting:
                    return
                probe = self._waiting.popleft()
                begun = self._started[probe.name] = time.monotonic()
            result = _run(probe)
            with self._lock:
                del self._started[probe.name]
                if probe.name in self._overdue:
                    self._overdue.discard(probe.name)
                elif not self._closed:
                    took = time.monotonic() - begun
                    self._results.append((probe, replace(result, took=took, probe=probe.name)))
                more = bool(self._waiting)
            if not more:  # one wake-up a round, not one a probe
                self._wake()


def _run(probe: Probe) -> ProbeResult:
    try:
        return probe.run()
    except Exception as error:  # noqa: BLE001  a bug of one probe must not silence the others
        log.warning("probe %s broke: %s", probe.name, type(error).__name__)
        return _unknown(probe, f"the probe broke: {type(error).__name__}")


def _unknown(probe: Probe, why: str) -> ProbeResult:
    return ProbeResult(probe.plane, Check.UNKNOWN, why=why, probe=probe.name)
