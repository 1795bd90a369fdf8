"""The queue: which of the tasks that wait goes to whom.

Calls that claim at the same time are served from one look into the index, at each place (a kind,
and for whom) as deep as they are many, however many tasks wait there. Whose turn it is, is judged
by the domain's rule, as everything else of a task's life.
"""

from __future__ import annotations

from collections import Counter, deque
from collections.abc import Iterable, Sequence
from functools import partial
from typing import Final

from fleet.contract.work_vocabulary import TaskState
from fleet.domain.work import life
from fleet.domain.work.task import Task
from fleet.store.work.rows import TASK_COLUMNS, Row, task
from fleet.store.work.sql_numbers import LOCK
from fleet.store.work.sql_session import COLUMNS, Asked, SqlSession
from fleet.store.work.statements import MAX_LOOKS, Look, Question, Statements, holes
from fleet.store.work.tables import Claim, Needs

T_COLUMNS: Final = ", ".join(f"t.{column}" for column in TASK_COLUMNS.values())
_READY: Final = (
    "t.grp = ? AND t.state = 'submitted' AND t.waits = 0 AND t.not_before <= ? AND t.expires > ?"
)

Place = tuple[int, float, int]
"""What sorts tasks that wait, the next one last: priority, and negated when it was due and its
number."""

Claimer = tuple[str, str, tuple[str, ...]]


class SqlQueue(SqlSession):
    """See `TaskTables`."""

    def __init__(self, sql: Statements) -> None:
        super().__init__(sql)
        self._next: dict[Claimer, deque[Task | None]] = {}
        """What each gets who is expected to claim; good until anything else changes."""
        self._next_as_of = -1
        self._lines: dict[Look, list[Place]] = {}

    def expect(self, calls: Iterable[Needs]) -> None:
        needs = list(calls)
        super().expect(needs)
        if claims := _claims(needs):
            self._deal(claims)

    def _questions(self, needs: Sequence[Needs]) -> list[Asked]:
        return [*super()._questions(needs), *self._looks(_claims(needs))]

    def claim(self, agent: str, group: str, kinds: Sequence[str], now: float) -> Task | None:
        claimer = agent, group, tuple(kinds)
        if self._next_as_of != self.writes or not self._next.get(claimer):
            self.expect([Needs(claim=Claim(*claimer, now))])
        before = self._next[claimer].popleft()
        if before is None:
            return None
        after = life.claimed(before, agent, now)
        self.save(before, after)
        self.numbers.add("attempts", "", 1)
        self._next_as_of = self.writes
        return after

    def _looks(self, claims: Sequence[Claim]) -> list[Asked]:
        """What waits at each place where a task may lie for one of these, as deep as may be claimed
        there."""
        wanted = list(Counter(look for one in claims for look in _places(one)).items())
        self._lines = {look: [] for look, _ in wanted}
        parts = [wanted[n : n + MAX_LOOKS] for n in range(0, len(wanted), MAX_LOOKS)]
        now = max((one.now for one in claims), default=0.0)
        return [(self._sql.ready(part, now), partial(self._line_up, part)) for part in parts]

    def _line_up(self, looks: Sequence[tuple[Look, int]], rows: Sequence[Row]) -> None:
        for place, priority, due, number in rows:
            self._lines[looks[place][0]].append((priority, -due, -number))

    def _deal(self, claims: Sequence[Claim]) -> None:
        """Say who is to get which task. A queue that is empty costs no write; where it is not, the
        tasks are read behind the lock, and if another process was faster, it is looked again."""
        now = max(one.now for one in claims)
        while True:
            numbers = self._dealt(claims)
            tasks = self._tasks({number for number in numbers if number is not None}, now)
            if tasks is not None:
                break
            self._ask(self._looks(claims))
        self._next = {}
        for one, number in zip(claims, numbers, strict=True):
            line = self._next.setdefault(one[:3], deque())
            line.append(None if number is None else tasks[number])
        self._next_as_of = self.writes

    def _dealt(self, claims: Sequence[Claim]) -> list[int | None]:
        """The number of the task that each gets."""
        for line in self._lines.values():
            line.sort()
        found: list[int | None] = []
        for one in claims:
            lines = [line for place in _places(one) if (line := self._lines[place])]
            best = max(lines, key=lambda line: line[-1], default=None)
            found.append(None if best is None else -best.pop()[2])
        return found

    def _tasks(self, numbers: set[int], now: float) -> dict[int, Task] | None:
        """The tasks, all ready to be claimed; None: one is no longer."""
        if not numbers:
            return {}
        questions: list[Question] = [] if self.numbers.is_locked else [LOCK]
        condition, values = self._sql.among("number", [*numbers])
        wanted = f"SELECT number, waits, {COLUMNS} FROM task WHERE {condition}"
        *locked, rows = self._sql.ask([*questions, (wanted, values)])
        for answer in locked:
            self.numbers.locked(answer)
        found = {row[0]: task(row[2:]) for row in rows if row[1] == 0}
        ready = [number for number, one in found.items() if _is_ready(one, now)]
        return found if len(ready) == len(numbers) else None

    def offered(
        self, agent: str, group: str, kinds: Sequence[str], now: float, limit: int
    ) -> list[Task]:
        found: list[Row] = self._run(
            f"SELECT {T_COLUMNS} FROM task t WHERE {_READY} AND t.kind IN ({holes(kinds)})"
            " AND t.addressee IN ('', ?) ORDER BY t.priority DESC, t.not_before, t.number LIMIT ?",
            (group, now, now, *kinds, agent, limit),
        )
        return [task(row) for row in found]


def _claims(needs: Iterable[Needs]) -> list[Claim]:
    return [one.claim for one in needs if one.claim]


def _places(claim: Claim) -> list[Look]:
    """Where tasks lie that it may take."""
    to = dict.fromkeys(("", claim.agent))
    return [Look(claim.group, kind, addressee) for kind in claim.kinds for addressee in to]


def _is_ready(task: Task, now: float) -> bool:
    return task.state is TaskState.SUBMITTED and task.not_before <= now < task.expires
