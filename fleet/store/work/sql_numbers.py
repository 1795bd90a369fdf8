"""Numbers that every call changes, written once a transaction however many calls share it.

Which change is the newest, how full a group or a context is, totals for metrics: each would cost a
statement or two a call. They gather here, reads include what gathered, and `flush` writes them.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from typing import Final

from fleet.domain.work.limits import MAX_KINDS
from fleet.store.work.rows import Row
from fleet.store.work.statements import Question, Statements
from fleet.store.work.tables import OTHER
from fleet.store.work_records import Context

LOCK: Final[Question] = (
    "UPDATE work_total SET value = value + 1 WHERE name = 'revision' RETURNING value", (),
)  # fmt: skip
KINDS: Final[Question] = ("SELECT word FROM work_total WHERE name = ?", ("runs",))

_ADD_TOTAL: Final = (
    "ON CONFLICT (name, word) DO UPDATE SET value = work_total.value + excluded.value"
)
_ADD_FILL: Final = (
    "ON CONFLICT (grp) DO UPDATE SET queued = work_group.queued + excluded.queued,"
    " kept = work_group.kept + excluded.kept"
)


class SqlNumbers:
    """One transaction's."""

    def __init__(self, sql: Statements) -> None:
        self._sql = sql
        self._totals: dict[tuple[str, str], float] = {}
        self._fills: dict[str, list[int]] = {}
        self._tasks: dict[str, int] = {}
        self._written: int | None = None
        """The revision as the database has it; None: others may change it."""
        self._next = 0
        self._kinds: set[str] = set()
        self._known_fills: dict[str, tuple[int, int]] = {}
        self._known_contexts: dict[str, tuple[Context, int] | None] = {}

    # The order of changes

    @property
    def is_locked(self) -> bool:
        return self._written is not None

    def locked(self, rows: Sequence[Row]) -> None:
        """`LOCK` was carried out: who asks for it too, waits for this transaction from here on."""
        self._written = self._next = int(rows[0][0])

    def revision(self) -> int:
        """The number of a change: greater than every one before, also of other processes."""
        if self._written is None:
            self.locked(self._sql.run(*LOCK))
        self._next += 1
        return self._next - 1

    # Totals

    def add(self, name: str, word: str, amount: float) -> None:
        """Add to a total."""
        self._totals[name, word] = self._totals.get((name, word), 0) + amount

    def counted_kinds(self, rows: Sequence[Row]) -> None:
        """`KINDS` was asked."""
        self._kinds |= {word for (word,) in rows}

    def counted_kind(self, kind: str) -> str:
        """The name under which a kind is counted: of a few only its own."""
        if kind not in self._kinds:
            self.counted_kinds(self._sql.run(*KINDS))
            if len(self._kinds) < MAX_KINDS:
                self._kinds.add(kind)
        return kind if kind in self._kinds else OTHER

    # How full it is

    def add_fill(self, group: str, queued: int, kept: int) -> None:
        fill = self._fills.setdefault(group, [0, 0])
        fill[0] += queued
        fill[1] += kept

    def ask_fills(self, groups: Collection[str]) -> Question:
        condition, values = self._sql.among("grp", [*groups])
        return f"SELECT grp, queued, kept FROM work_group WHERE {condition}", values

    def filled(self, groups: Collection[str], rows: Sequence[Row]) -> None:
        """`ask_fills` was asked."""
        self._known_fills |= dict.fromkeys(groups, (0, 0))
        self._known_fills |= {group: (queued, kept) for group, queued, kept in rows}

    def fill(self, group: str) -> tuple[int, int]:
        """Tasks of the group that wait to be claimed, and tasks."""
        if group not in self._known_fills:
            self.filled([group], self._sql.run(*self.ask_fills([group])))
        known = self._known_fills[group]
        queued, kept = self._fills.get(group, (0, 0))
        return known[0] + queued, known[1] + kept

    def add_task(self, context: str) -> None:
        self._tasks[context] = self._tasks.get(context, 0) + 1

    def ask_contexts(self, ids: Collection[str]) -> Question:
        condition, values = self._sql.among("id", [*ids])
        return f"SELECT id, grp, created, tasks FROM context WHERE {condition}", values

    def found_contexts(self, ids: Collection[str], rows: Sequence[Row]) -> None:
        """`ask_contexts` was asked."""
        self._known_contexts |= dict.fromkeys(ids, None)
        self._known_contexts |= {row[0]: (Context(*row[:3]), int(row[3])) for row in rows}

    def context(self, id_: str) -> tuple[Context, int] | None:
        """A context, and how many tasks it has."""
        if id_ not in self._known_contexts:
            self.found_contexts([id_], self._sql.run(*self.ask_contexts([id_])))
        known = self._known_contexts[id_]
        return None if known is None else (known[0], known[1] + self._tasks.get(id_, 0))

    def opened(self, context: Context) -> None:
        """It was made in this transaction."""
        self._known_contexts[context.id] = context, 0

    def flush(self) -> None:
        """Write all; the transaction takes no more after it."""
        if self._written is not None and self._next - 1 > self._written:
            self.add("revision", "", self._next - 1 - self._written)
        totals = [(name, word, by) for (name, word), by in sorted(self._totals.items()) if by]
        if totals:
            self._sql.insert("work_total", ("name", "word", "value"), totals, _ADD_TOTAL)
        fills = [(group, *by, 0, 0) for group, by in sorted(self._fills.items()) if any(by)]
        if fills:
            columns = ("grp", "queued", "kept", "contexts", "bytes")
            self._sql.insert("work_group", columns, fills, _ADD_FILL)
        for context, count in sorted(self._tasks.items()):
            self._sql.run("UPDATE context SET tasks = tasks + ? WHERE id = ?", (count, context))
