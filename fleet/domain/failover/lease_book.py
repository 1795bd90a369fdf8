"""Until when each agent may be active, as far as the hub can know; times are monotonic s.

A lease lasts from the message that it answers, which the agent sent before it came here. So what is
counted here ends later than what the agent counts, whatever the network did in between.
"""

from __future__ import annotations

from dataclasses import dataclass

from fleet.domain.failover.pair import GRACE, TTL


@dataclass(slots=True)
class _Heard:
    boot: int
    seq: int
    at: float


class LeaseBook:
    """What was heard of agents, and until when a lease was given. `start`: when this hub began to
    lead; another may have given any lease just before."""

    def __init__(self, start: float) -> None:
        self._start = start
        self._heard: dict[str, _Heard] = {}
        self._until: dict[str, float] = {}
        self._answered: dict[str, tuple[int, int, int]] = {}

    def hear(self, agent: str, boot: int | None, seq: int | None, now: float) -> None:
        """The newest message of `agent` is this one, and it was here by now."""
        if boot is None or seq is None:
            return
        known = self._heard.get(agent)
        if known is None or (boot, seq) != (known.boot, known.seq):
            self._heard[agent] = _Heard(boot, seq, now)

    def due(self, agent: str, epoch: int) -> tuple[int, int] | None:
        """The message (boot, seq) that a lease under `epoch` would answer; None: it was."""
        heard = self._heard.get(agent)
        if heard is None or self._answered.get(agent) == (heard.boot, heard.seq, epoch):
            return None
        return heard.boot, heard.seq

    def give(self, agent: str, epoch: int, *, active: bool) -> None:
        """A lease that answers the newest message of `agent` is about to be sent."""
        heard = self._heard[agent]
        self._answered[agent] = heard.boot, heard.seq, epoch
        if active:
            self._until[agent] = max(self._until.get(agent, 0.0), heard.at + TTL)

    def is_over(self, agent: str, now: float) -> bool:
        """Whether every lease of `agent` is over, and it has had the time to lay down."""
        until = max(self._until.get(agent, 0.0), self._start + TTL)
        return now >= until + GRACE

    def has_led(self, now: float) -> bool:
        """Whether this hub has led for as long as any lease of the one before it could last."""
        return now >= self._start + TTL + GRACE

    def rename(self, old: str, new: str) -> None:
        """What `old` was given holds until it is over, whatever it is called: `new` is the same."""
        if old in self._until:
            self._until[new] = max(self._until.pop(old), self._until.get(new, 0.0))
        self._heard.pop(old, None)
        self._answered.pop(old, None)

    def forget(self, agents: tuple[str, str], now: float) -> None:
        """Their pair is gone. What they were given holds until it is over, whichever pair they are
        in by then."""
        for agent in agents:
            self._answered.pop(agent, None)
            self._heard.pop(agent, None)
        self._until = {a: until for a, until in self._until.items() if now < until + GRACE}
