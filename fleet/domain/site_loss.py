"""Whether a site is lost to the others, and who is to say so: a decision about what the store holds
of it, at a time that is told."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from fleet.contract.vocabulary import Word

LOST: Final = 30.0
"""Seconds without a word of a site's hub, or of its broker there, from which on the site is lost:
longer than one hub takes over from another, and than a broker restarts."""


class Loss(Word):
    """Why nothing is known of a site now."""

    NO_HUB = "no hub of it leads", "its hubs ended, or reach the store no more"
    NEVER_LED = "no hub of it ever led", "it is in the list of sites, and nobody has served there"
    NO_BROKER = "its hub has no broker", "the hub that leads there lives, and hears no agent"
    UNREADABLE = "what its hub says cannot be read by this release", "its hubs are newer"
    UNASKED = "this hub cannot ask the store", "whatever its own hub knows by now"


@dataclass(frozen=True, slots=True)
class SiteWord:
    """What the store says of the hub that leads at a site.

    Attributes:
        age: seconds since its last word, by the database's clock; None: it never said one.
        hears: whether it hears its agents.
        tells: whether it tells by its own routes that it does not.
        unread: seconds for which its words were there and could not be understood.
        unasked: seconds for which the store did not answer us.
    """

    age: float | None
    hears: bool
    tells: bool = False
    unread: float = 0.0
    unasked: float = 0.0


class SiteJudge:
    """Judges one site; `now` is any clock that never steps.

    Attributes:
        why: why it is lost; None: it is not.
        is_doubted: nothing is heard of it, and it is not ours to tell: it is too early, its own hub
            tells, or we are the one that is cut off.
    """

    def __init__(self, now: float) -> None:
        self._silent_since: float | None = now
        self.why: Loss | None = None
        self.is_doubted = True

    def look(self, word: SiteWord, now: float) -> None:
        if word.hears and word.age is not None:
            self._silent_since = None
        elif self._silent_since is None:
            self._silent_since = now
        self.why = self._loss(word, now)
        told_there = self.why is Loss.NO_BROKER and word.tells
        early = self.why is None and self._silent_since is not None
        self.is_doubted = early or told_there or self.why is Loss.UNASKED

    @property
    def is_ours_to_tell(self) -> bool:
        return self.why is not None and not self.is_doubted

    @property
    def hub_speaks(self) -> bool:
        """Whether what its hub says of itself holds, though nothing is known of its agents."""
        return self.why in (None, Loss.NO_BROKER)

    def _loss(self, word: SiteWord, now: float) -> Loss | None:
        silent = 0.0 if self._silent_since is None else now - self._silent_since
        if word.unasked >= LOST:
            return Loss.UNASKED
        if word.age is not None and word.age >= LOST:
            return Loss.NO_HUB
        if word.age is None and word.unread >= LOST:
            return Loss.UNREADABLE
        if silent >= LOST:
            return Loss.NEVER_LED if word.age is None else Loss.NO_BROKER
        return Loss.UNREADABLE if word.unread >= LOST else None
