"""What each agent said in a day, in bits and in counts, against what is tolerated (ADR-0017)."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Final

from fleet.auditor.rules import traffic
from fleet.auditor.rules.rule import Rule
from fleet.auditor.tally import Known
from fleet.contract.vocabulary import MessageKind
from fleet.domain.daily_bounds import BITS_A_COMMAND, DAY, DIGITS, Bounds, DayCounts
from fleet.domain.information import Said
from fleet.domain.precision import numbers_of
from fleet.domain.progress_bounds import BITS_A_TASK, ProgressCounts

MAX_AGENTS: Final = 20_000
"""Agents that are counted one by one; those beyond share one account, and soon find it empty."""

_COUNTED: Final = (MessageKind.HEARTBEAT, MessageKind.STATUS, MessageKind.ALERT)

PROGRESS: Final = MessageKind.PROGRESS.value
"""What there is too much of, of messages about tasks."""

_RULES: Final = {
    "": traffic.RATE,
    "metrics": traffic.VOCABULARY,
    "versions": traffic.CHURN,
    "config": traffic.CHURN,
    "boot": traffic.CHURN,
    DIGITS: traffic.PRECISION,
}


@dataclass(slots=True)
class Account:
    """One agent: today's counts, the bits spent today, and what it did not spend yesterday."""

    agent: str
    enrolled: bool
    counts: DayCounts = field(default_factory=DayCounts)
    tasks: ProgressCounts = field(default_factory=ProgressCounts)
    said: Said = field(default_factory=Said)
    numbers: Mapping[str, float] = field(default_factory=dict)
    spent: float = 0.0
    unspent: float = 0.0
    granted: float = 0.0
    day: int = -1
    told: set[str] = field(default_factory=set)
    announced: float | None = None
    limit: int = 0
    """Bits of a day at the interval that was announced."""


@dataclass(slots=True)
class Most:
    """The most that one agent said in one day."""

    bits: float = 0.0
    agent: str = ""
    interval: float = 0.0


class Allowance:
    """Counts what agents say. A finding is told once an agent, rule and day."""

    def __init__(self, bounds: Bounds, enrolled: frozenset[str] | None = None) -> None:
        self.bounds = bounds
        self._shortest = bounds.enrolled
        self.enrolled = enrolled
        """Who is; None where nobody keeps a list."""
        self.most = Most()
        self._accounts: dict[str, Account] = {}

    def judge(
        self, known: Known, message: Any, payload: bytes, at: float, retained: bool
    ) -> list[tuple[Rule, str]]:
        """Which rules a message breaks, and in which field.

        The kind says what it is: to ask pydantic's models is dear.
        """
        agent, kind = known.address.agent, known.address.kind
        if kind in _COUNTED:
            account = self._accounts.get(agent) or self._account(agent, known.traffic.agent)
            self._turn_day(account, at)
            counts = account.counts
            excess = counts.excess_of_beat if kind is MessageKind.HEARTBEAT else counts.excess
            before, listed = account.numbers.get, self.enrolled is not None
            over = excess(message, at, self.bounds, retained, before, listed=listed)
            if kind is not MessageKind.ALERT and (numbers := numbers_of(message)):
                account.numbers = numbers
            found = self._excess(account, over)
            if self._is_too_much(account, payload, at):
                found.append((traffic.BUDGET, ""))
            return found
        if kind is MessageKind.PROGRESS:
            return self._of_tasks(self._account(agent, known.traffic.agent), payload, at)
        if kind is MessageKind.TASK:
            account = self._account(agent, known.traffic.agent)
            self._turn_day(account, at)
            account.tasks.offer(at)
            account.granted += BITS_A_TASK
        elif kind not in (MessageKind.RECEIPT, MessageKind.LEASE):  # neither is answered
            accounts = self._accounts
            asked = [accounts[agent]] if agent in accounts else []
            for account in asked if agent else accounts.values():
                self._grant(account, at)
        return []

    def _of_tasks(self, account: Account, payload: bytes, at: float) -> list[tuple[Rule, str]]:
        self._turn_day(account, at)
        found: list[tuple[Rule, str]] = []
        if account.tasks.is_too_much(at, self.bounds.progress) and PROGRESS not in account.told:
            account.told.add(PROGRESS)
            found.append((traffic.RATE, ""))
        if self._is_too_much(account, payload, at):
            found.append((traffic.BUDGET, ""))
        return found

    def _grant(self, account: Account, at: float) -> None:
        """The hub asked something: the answer is no channel."""
        self._turn_day(account, at)
        account.counts.asked()
        account.granted += BITS_A_COMMAND

    def _excess(self, account: Account, over: str | None) -> list[tuple[Rule, str]]:
        found: list[tuple[Rule, str]] = []
        told = account.told
        if over is not None and over not in told:
            told.add(over)
            found.append((_RULES[over], "" if over == DIGITS else over))
        shorter = (account.counts.interval or DAY) < self._shortest
        if shorter and account.enrolled and "interval" not in told:
            told.add("interval")
            found.append((traffic.INTERVAL, "interval"))
        return found

    def _is_too_much(self, account: Account, payload: bytes, at: float) -> bool:
        """Count the bits of a message; whether it is the first beyond the day's."""
        if account.announced != account.counts.interval or not account.limit:
            account.announced = account.counts.interval
            account.limit = self.bounds.bits(self.interval_of(account))
        limit = account.limit + account.unspent + account.granted
        if account.spent > limit:
            return False  # told already, and what comes after is no part of what is tolerated
        account.spent += account.said.say(payload, at)
        if account.spent > limit:
            return True
        if account.spent > self.most.bits:
            self.most = Most(account.spent, account.agent, self.interval_of(account))
        return False

    def interval_of(self, account: Account) -> float:
        """The interval by which the bits of an agent are reckoned."""
        believed = account.counts.believed(self.bounds)
        return max(believed, self.bounds.enrolled) if account.enrolled else believed

    def _account(self, agent: str, shown: str) -> Account:
        account = self._accounts.get(agent)
        if account is None:
            if len(self._accounts) >= MAX_AGENTS:
                agent = shown = ""
            listed = self.enrolled is not None and agent in self.enrolled
            account = self._accounts.setdefault(agent, Account(shown, listed))
        return account

    def _turn_day(self, account: Account, at: float) -> None:
        day = int(at // DAY)
        if day == account.day:
            return
        account.counts.begin(at)
        if account.day >= 0:
            limit = self.bounds.bits(self.interval_of(account))
            left = limit + account.unspent - account.spent
            account.unspent = min(float(limit), max(0.0, left + (day - account.day - 1) * limit))
        account.day, account.spent, account.granted = day, 0.0, 0.0
        account.told.clear()
