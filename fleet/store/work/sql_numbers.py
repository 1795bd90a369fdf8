"""Numbers that every call changes, written once a transaction however many calls share it.

Which change is the newest, how full a group or a context is, totals for metrics: each would cost a
statement or two a call. They gather here, reads include what gathered, and `flush` writes them.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, Final

from fleet.store.work.rows import Row
from fleet.store.work_records import Context

Run = Callable[[str, Sequence[Any]], list[Row]]
"""Carries out one statement, with `?` for each value, and returns all of its rows."""

Key = tuple[str, str, str]
"""A table, a name in it, and what is counted."""

_TOTAL: Final = (
    "INSERT INTO work_total (name, word, value) VALUES (?, ?, ?) ON CONFLICT (name, word)"
    " DO UPDATE SET value = work_total.value + excluded.value"
)
_FILL: Final = (
    "INSERT INTO work_group (grp, queued, kept, contexts, bytes) VALUES (?, ?, ?, 0, 0)"
    " ON CONFLICT (grp) DO UPDATE SET queued = work_group.queued + excluded.queued,"
    " kept = work_group.kept + excluded.kept"
)


class SqlNumbers:
    """One transaction's; `mark` and `rewind` undo what a call added that failed."""

    def __init__(self, run: Run) -> None:
        self._run = run
        self._totals: dict[tuple[str, str], float] = {}
        self._fills: dict[str, list[int]] = {}
        self._tasks: dict[str, int] = {}
        self._undo: list[Callable[[], None]] = []
        self._revision: int | None = None
        self._known_fills: dict[str, tuple[int, int]] = {}
        self._known_contexts: dict[str, tuple[Context, int] | None] = {}
        self._known_members: set[tuple[str, str]] = set()

    def revision(self) -> int:
        """The number of a change: greater than every one before, also of other processes, which
        wait for this transaction from here on."""
        if self._revision is None:
            first = self._run(
                "UPDATE work_total SET value = value + 1 WHERE name = 'revision' RETURNING value",
                (),
            )
            self._revision = int(first[0][0])
        else:
            self._revision += 1
        return self._revision

    def next_revision(self) -> int | None:
        """What `revision` will answer; None: it has to ask."""
        return None if self._revision is None else self._revision + 1

    def add(self, name: str, word: str, amount: float) -> None:
        """Add to a total."""
        key = name, word

        def change(by: float) -> None:
            self._totals[key] = self._totals.get(key, 0) + by

        change(amount)
        self._undo.append(lambda: change(-amount))

    def add_fill(self, group: str, queued: int, kept: int) -> None:
        def change(sign: int) -> None:
            fill = self._fills.setdefault(group, [0, 0])
            fill[0] += sign * queued
            fill[1] += sign * kept

        change(1)
        self._undo.append(lambda: change(-1))

    def fill(self, group: str) -> tuple[int, int]:
        """Tasks of the group that wait to be claimed, and tasks."""
        known = self._known_fills.get(group)
        if known is None:
            found = self._run("SELECT queued, kept FROM work_group WHERE grp = ?", (group,))
            known = self._known_fills[group] = (found[0][0], found[0][1]) if found else (0, 0)
        queued, kept = self._fills.get(group, (0, 0))
        return known[0] + queued, known[1] + kept

    def add_task(self, context: str) -> None:
        def change(by: int) -> None:
            self._tasks[context] = self._tasks.get(context, 0) + by

        change(1)
        self._undo.append(lambda: change(-1))

    def context(self, id_: str) -> tuple[Context, int] | None:
        """A context, and how many tasks it has."""
        if id_ not in self._known_contexts:
            found = self._run("SELECT id, grp, created, tasks FROM context WHERE id = ?", (id_,))
            known = (Context(*found[0][:3]), int(found[0][3])) if found else None
            self._known_contexts[id_] = known
        known = self._known_contexts[id_]
        return None if known is None else (known[0], known[1] + self._tasks.get(id_, 0))

    def is_new_member(self, context: str, member: str) -> bool:
        """Whether that was not asked before, and what follows from it done."""
        known = len(self._known_members)
        self._known_members.add((context, member))
        return len(self._known_members) > known

    def forget_context(self, id_: str) -> None:
        """It was made or deleted: look again."""
        self._known_contexts.pop(id_, None)
        self._known_members.clear()

    def mark(self) -> int:
        return len(self._undo)

    def rewind(self, mark: int) -> None:
        """Undo what was added since `mark`."""
        while len(self._undo) > mark:
            self._undo.pop()()
        self._known_contexts.clear()
        self._known_members.clear()

    def flush(self) -> None:
        """Write all; the transaction takes no more after it."""
        if self._revision is not None:
            self._run("UPDATE work_total SET value = ? WHERE name = 'revision'", (self._revision,))
        for (name, word), amount in sorted(self._totals.items()):
            if amount:
                self._run(_TOTAL, (name, word, amount))
        for group, (queued, kept) in sorted(self._fills.items()):
            if queued or kept:
                self._run(_FILL, (group, queued, kept))
        for context, count in sorted(self._tasks.items()):
            if count:
                self._run("UPDATE context SET tasks = tasks + ? WHERE id = ?", (count, context))
