"""`BoardTables` in SQL that SQLite and PostgreSQL both read."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence
from typing import Final

from fleet.contract.work_vocabulary import BoardSection
from fleet.store.work.rows import ENTRY_COLUMNS, entry, entry_row
from fleet.store.work.sql_session import SqlSession
from fleet.store.work.tables import charge
from fleet.store.work_records import Context, Entry, Read

BOARD: Final = ""
"""The owner of what a board refers to."""


class SqlBoards(SqlSession):
    """See `BoardTables`."""

    # Contexts

    def context(self, id_: str) -> Context | None:
        found = self.numbers.context(id_)
        return found[0] if found else None

    def context_tasks(self, id_: str) -> int:
        found = self.numbers.context(id_)
        return found[1] if found else 0

    def count_contexts(self, group: str) -> int:
        found = self._aside("SELECT contexts FROM work_group WHERE grp = ?", (group,))
        return int(found[0][0]) if found else 0

    def open_context(self, context: Context) -> None:
        self._aside(
            "INSERT INTO context (id, grp, created, tasks) VALUES (?, ?, ?, 0)",
            (context.id, context.group, context.created),
        )
        self._count(context.group, contexts=1)
        self.numbers.opened(context)

    def join(self, context: str, member: str) -> None:
        self._enter("context_member", context, member)

    def is_member(self, context: str, member: str) -> bool:
        query = "SELECT 1 FROM context_member WHERE context = ? AND member = ?"
        return bool(self._run(query, (context, member)))

    def _count(self, group: str, contexts: int = 0, bytes_: int = 0) -> None:
        self._aside(
            "INSERT INTO work_group (grp, queued, kept, contexts, bytes) VALUES (?, 0, 0, ?, ?)"
            " ON CONFLICT (grp) DO UPDATE SET contexts = work_group.contexts + excluded.contexts,"
            " bytes = work_group.bytes + excluded.bytes",
            (group, contexts, bytes_),
        )

    # Boards

    def newest_version(self, context: str, section: BoardSection, name: str) -> int:
        found = self._aside(
            "SELECT max(version) FROM board_entry WHERE context = ? AND section = ? AND name = ?",
            (context, section.value, name),
        )
        return int(found[0][0] or 0)

    def count_versions(self, context: str) -> int:
        query = "SELECT count(*) FROM board_entry WHERE context = ?"
        return int(self._aside(query, (context,))[0][0])

    def add_version(self, entry: Entry) -> None:
        self._aside(
            f"INSERT INTO board_entry ({ENTRY_COLUMNS}) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
            entry_row(entry),
        )
        self._enter("blob_use", entry.context, BOARD, entry.descriptor.digest, 1)

    def board(self, context: str) -> list[Entry]:
        found = self._run(
            f"SELECT {ENTRY_COLUMNS} FROM board_entry b WHERE context = ? AND version = (SELECT"
            " max(version) FROM board_entry n WHERE n.context = b.context"
            " AND n.section = b.section AND n.name = b.name) ORDER BY section, name",
            (context,),
        )
        return [entry(row) for row in found]

    def versions(self, context: str, section: BoardSection, name: str) -> list[Entry]:
        found = self._run(
            f"SELECT {ENTRY_COLUMNS} FROM board_entry WHERE context = ? AND section = ?"
            " AND name = ? ORDER BY version",
            (context, section.value, name),
        )
        return [entry(row) for row in found]

    # Who may read

    def grant(self, agent: str, things: Collection[str], until: float) -> None:
        for thing in things:
            self._aside(
                "INSERT INTO work_grant (agent, thing, until) VALUES (?, ?, ?)"
                " ON CONFLICT (agent, thing) DO UPDATE SET until = excluded.until",
                (agent, thing, until),
            )

    def end_grants(self, agent: str) -> None:
        self._run("DELETE FROM work_grant WHERE agent = ?", (agent,))

    def count_grants(self, agent: str, now: float) -> int:
        query = "SELECT count(*) FROM work_grant WHERE agent = ? AND until > ?"
        return int(self._aside(query, (agent, now))[0][0])

    def is_granted(self, agent: str, thing: str, now: float) -> bool:
        query = "SELECT 1 FROM work_grant WHERE agent = ? AND thing = ? AND until > ?"
        return bool(self._run(query, (agent, thing, now)))

    def lease_shows(self, agent: str, digest: str, now: float) -> bool:
        found = self._run(
            "SELECT 1 FROM task t JOIN blob_use u ON u.context = t.context AND u.digest = ?"
            " WHERE t.state = 'working' AND t.holder = ? AND t.lease_until > ?"
            " AND (u.owner = ? OR (u.owner = t.id AND u.made = 0) OR (u.made = 1 AND u.owner IN"
            " (SELECT a.needs FROM task_after a WHERE a.task = t.id))) LIMIT 1",
            (digest, agent, now, BOARD),
        )
        return bool(found)

    def holds_lease_in(self, agent: str, context: str, now: float) -> bool:
        found = self._run(
            "SELECT 1 FROM task WHERE state = 'working' AND holder = ? AND context = ?"
            " AND lease_until > ? LIMIT 1",
            (agent, context, now),
        )
        return bool(found)

    def member_has(self, member: str, group: str | None, digest: str) -> bool:
        narrow, values = ("", ()) if group is None else (" AND b.grp = ?", (group,))
        found = self._run(
            "SELECT 1 FROM blob b JOIN context_member m ON m.context = b.context AND m.member = ?"
            f" WHERE b.digest = ?{narrow} LIMIT 1",
            (member, digest, *values),
        )
        return bool(found)

    def submitter_got(self, submitter: str, digest: str) -> bool:
        found = self._run(
            "SELECT 1 FROM blob_use u JOIN task t ON t.id = u.owner"
            " WHERE u.digest = ? AND u.made = 1 AND t.submitter = ? LIMIT 1",
            (digest, submitter),
        )
        return bool(found)

    def log_reads(self, reads: Sequence[Read]) -> None:
        for read in reads:
            self._aside("INSERT INTO work_read (at, reader, digest) VALUES (?, ?, ?)", read)

    def reads(self, since: float, limit: int) -> list[Read]:
        query = "SELECT at, reader, digest FROM work_read WHERE at >= ? ORDER BY at, number LIMIT ?"
        return [Read(*row) for row in self._run(query, (since, limit))]

    # Blobs

    def blob_size(self, digest: str, context: str | None) -> int | None:
        narrow, values = ("", ()) if context is None else (" AND context = ?", (context,))
        found = self._aside(
            f"SELECT size FROM blob WHERE digest = ?{narrow} LIMIT 1", (digest, *values)
        )
        return int(found[0][0]) if found else None

    def blob_bytes(self, group: str) -> int:
        found = self._aside("SELECT bytes FROM work_group WHERE grp = ?", (group,))
        return int(found[0][0]) if found else 0

    def group_has(self, group: str, digest: str) -> bool:
        query = "SELECT 1 FROM blob WHERE digest = ? AND grp = ? LIMIT 1"
        return bool(self._aside(query, (digest, group)))

    def put_blob(self, context: Context, digest: str, size: int, due: float) -> None:
        known = "UPDATE blob SET due = ? WHERE context = ? AND digest = ? RETURNING size"
        if self._aside(known, (due, context.id, digest)):
            return
        shared = self.group_has(context.group, digest)
        self._aside(
            "INSERT INTO blob (context, digest, grp, size, due) VALUES (?, ?, ?, ?, ?)",
            (context.id, digest, context.group, size, due),
        )
        self._count(context.group, bytes_=charge(size, shared=shared))

    def blobs_due(self, now: float, limit: int) -> list[tuple[str, str, bool]]:
        found = self._run(
            "SELECT context, digest, EXISTS (SELECT 1 FROM blob_use u WHERE u.digest = b.digest"
            " AND u.context = b.context) FROM blob b WHERE due <= ? ORDER BY due LIMIT ?",
            (now, limit),
        )
        return [(context, digest, bool(used)) for context, digest, used in found]

    def look_again(self, blobs: Iterable[tuple[str, str]], due: float) -> None:
        for context, digest in blobs:
            self._run(
                "UPDATE blob SET due = ? WHERE context = ? AND digest = ?", (due, context, digest)
            )

    def delete_blobs(self, blobs: Sequence[tuple[str, str]]) -> list[str]:
        free: dict[str, None] = {}
        for context, digest in blobs:
            gone = self._run(
                "DELETE FROM blob WHERE context = ? AND digest = ? RETURNING grp, size",
                (context, digest),
            )
            for group, size in gone:
                shared = self.group_has(group, digest)
                self._count(group, bytes_=-charge(size, shared=shared))
                if self.blob_size(digest, None) is None:
                    free[digest] = None
        return list(free)
