"""What became of each alert at one route: told when, and what the receiver answered. Bounded."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from typing import Any, Final, Self

from fleet.contract.timestamps import timestamp
from fleet.contract.vocabulary import AlertState, Word
from fleet.notifier.notification import TEST_CODE, WATCHDOG_CODE, Notification

MAX_LOGGED: Final = 1_000
"""Entries of one route, about 100 bytes each; beyond it the oldest go."""

ANSWER: Final = 60
"""Characters of an answer: `HTTP 200`, or why there was none."""


class Outcome(Word):
    """What became of the news of an alert at a route."""

    TAKEN = "taken", "the receiver took it"
    WAITING = "waiting", "it was not taken yet, and is tried again"
    SET_ASIDE = "set-aside", "the receiver would not take it; somebody may have it tried again"


@dataclass(frozen=True, slots=True)
class LogEntry:
    """What came of telling that an alert fires, or is over. `since`: of the alert, RFC 3339, as it
    was told; `at`: from when on this came of it, in epoch seconds."""

    agent: str
    code: str
    state: AlertState
    since: str
    at: float
    outcome: Outcome
    answer: str

    @classmethod
    def from_json(cls, data: list[Any]) -> Self:
        """
        Raises:
            TypeError, ValueError: it is not one of ours.
        """
        agent, code, state, since, at, outcome, answer = data
        told = (str(agent), str(code), AlertState(state), str(since), float(at))
        return cls(*told, Outcome(outcome), str(answer)[:ANSWER])

    def as_json(self) -> list[Any]:
        said = [self.state.value, self.since, round(self.at, 3), self.outcome.value, self.answer]
        return [self.agent, self.code, *said]

    def as_dict(self) -> dict[str, Any]:
        """As HTTP shows it, beside the alert that it is about."""
        return {
            "state": self.state.value,
            "since": self.since,
            "at": timestamp(self.at),
            "outcome": self.outcome.value,
            "answer": self.answer,
        }


Key = tuple[str, str, AlertState]


class DeliveryLog:
    """The latest of each alert, fired and over. Of whom the hub does not know, nothing stays."""

    def __init__(self, knows: Callable[[str], bool] = lambda _agent: True) -> None:
        self._knows = knows
        self._entries: OrderedDict[Key, LogEntry] = OrderedDict()

    def __len__(self) -> int:
        return len(self._entries)

    def __iter__(self) -> Iterator[LogEntry]:
        return iter(self._entries.values())

    def restore(self, entries: Iterable[LogEntry]) -> None:
        self._entries.update({(one.agent, one.code, one.state): one for one in entries})
        self._trim()

    def note(self, group: Notification, outcome: Outcome, answer: str, at: float) -> bool:
        """Enter an attempt; whether it says anything that was not known."""
        if group.code in (TEST_CODE, WATCHDOG_CODE):
            return False
        news = False
        at = round(at, 3)  # as it is kept: a hub that reads shows the same millisecond
        for member in group.members:
            over = member.over or group.state is AlertState.RESOLVED
            state = AlertState.RESOLVED if over else AlertState.FIRING
            code = member.code or group.code
            said = answer.partition(":")[0][:ANSWER]  # what follows is text of the receiver's own
            entry = LogEntry(member.agent, code, state, member.since, at, outcome, said)
            before = self._entries.pop(key := (member.agent, code, state), None)
            known = before is not None and _says(before) == _says(entry)
            self._entries[key] = before if before is not None and known else entry
            news = news or not known
        for key in [key for key in self._entries if key[0] and not self._knows(key[0])]:
            del self._entries[key]
        self._trim()
        return news

    def as_json(self) -> list[list[Any]]:
        return [one.as_json() for one in self]

    def _trim(self) -> None:
        while len(self._entries) > MAX_LOGGED:
            self._entries.popitem(last=False)


def _says(entry: LogEntry) -> tuple[str, Outcome, str]:
    return entry.since, entry.outcome, entry.answer


def log_of(document: dict[str, Any]) -> list[LogEntry]:
    """The entries in what a route keeps.

    Raises:
        TypeError, ValueError: they are not ours.
    """
    return [LogEntry.from_json(one) for one in document.get("log", [])]
