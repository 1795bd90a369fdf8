"""What holds alerts back: now, in time to come, and until a moment ago."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Final

from fleet.domain.alert import Alert
from fleet.domain.hub_clock import Step
from fleet.domain.silences import Silence

SETTLE: Final = 30.0
"""Seconds after a silence ends before what it held back is told: restarted agents report first."""


@dataclass(slots=True)
class SilenceBook:
    """Every silence by id. Pure: time is an argument."""

    silences: dict[str, Silence] = field(default_factory=dict)
    """What holds back now."""
    planned: dict[str, Silence] = field(default_factory=dict)
    """What is to come, and windows that somebody ended."""
    lifted: list[str] = field(default_factory=list)
    """Silences that ended, by hand or by time, since the store last took them."""
    _over: list[tuple[Silence, float]] = field(default_factory=list)
    """Silences that ended, and until when what they covered is held back still."""

    def silence(self, silence: Silence, now: float = float("-inf")) -> None:
        """Hold back what it covers until it ends, from when it begins on."""
        waits = silence.ended or (silence.begins is not None and silence.begins > now)
        into, other = (self.planned, self.silences) if waits else (self.silences, self.planned)
        into[silence.id] = silence
        other.pop(silence.id, None)
        if silence.id in self.lifted:  # begun again before the end of it was stored
            self.lifted.remove(silence.id)

    def lift(self, silence_id: str, at: float) -> bool:
        """End a silence; False if there is none of that id."""
        silence = self.silences.pop(silence_id, None)
        if silence is not None:
            self._over.append((silence, at + SETTLE))
        elif self.planned.pop(silence_id, None) is None:
            return False
        self.lifted.append(silence_id)
        return True

    def is_silenced(self, alert: Alert) -> bool:
        return _covered(alert, self.silences.values())

    def is_held(self, alert: Alert) -> bool:
        """Whether a silence covers it, or did until a moment ago: nobody else waits for that."""
        return _covered(alert, (silence for silence, _ in self._over)) or self.is_silenced(alert)

    def silences_of(self, agent: str) -> list[Silence]:
        """Those of this agent alone, also those to come."""
        every = (*self.silences.values(), *self.planned.values())
        return [silence for silence in every if silence.agent == agent]

    def keep_time(self, now: float) -> None:
        """Begin and end what time alone begins and ends."""
        for silence in [s for s in self.planned.values() if s.until <= now]:
            self.lift(silence.id, now)
        for silence in [s for s in self.planned.values() if not s.ended and s.begun <= now]:
            self.silences[silence.id] = self.planned.pop(silence.id)
        for silence in [s for s in self.silences.values() if s.until <= now]:
            self.lift(silence.id, silence.until)
        self._over = [(silence, until) for silence, until in self._over if now < until]

    def _restamp_silences(self, step: Step) -> list[Silence]:
        """The hub's stamps moved; the silences that end at another time now."""
        self._over = [(silence, step.moved(until)) for silence, until in self._over]
        changed = []
        for kept in (self.silences, self.planned):
            for silence in list(kept.values()):
                moved = silence.restamped(step)
                if moved != silence:
                    kept[silence.id] = moved
                    changed.append(moved)
        return changed

    def _end_silence(self, silence_id: str) -> None:
        """Without holding anything back a while longer: what it covered is no more."""
        if self.silences.pop(silence_id, None) is None:
            del self.planned[silence_id]
        self.lifted.append(silence_id)


def _covered(alert: Alert, silences: Iterable[Silence]) -> bool:
    return any(one.covers(alert.agent, alert.code, alert.severity) for one in silences)
