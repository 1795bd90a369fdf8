"""`WorkTables` in plain memory, whole; what refers to a blob is asked of what does."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Sequence
from dataclasses import dataclass, field, replace
from typing import TypeVar

from fleet.contract.work_vocabulary import BoardSection, TaskState
from fleet.domain.work.limits import KEPT_BLOB, KEPT_READS, MAX_READS
from fleet.domain.work.task import Task
from fleet.store.work.in_memory_rollouts import InMemoryRollouts
from fleet.store.work.in_memory_tasks import InMemoryTasks
from fleet.store.work.stored import AGENT
from fleet.store.work.tables import NOTHING, Needs, WorkTables, charge
from fleet.store.work_records import Context, Entry, Read

T = TypeVar("T")


@dataclass(slots=True)
class Blob:
    """What is known of one blob of one context."""

    group: str
    size: int
    due: float


@dataclass
class InMemoryWork(InMemoryTasks, InMemoryRollouts):
    """See `WorkTables`."""

    members: set[tuple[str, str]] = field(default_factory=set)
    """Context and member."""
    entries: dict[tuple[str, BoardSection, str], list[Entry]] = field(default_factory=dict)
    grants: dict[tuple[str, str], float] = field(default_factory=dict)
    """Until when, by agent and thing."""
    read_log: list[Read] = field(default_factory=list)
    blobs: dict[tuple[str, str], Blob] = field(default_factory=dict)
    """By context and digest."""
    bytes: dict[str, int] = field(default_factory=dict)
    """Quota in use, by group."""

    # Contexts and boards

    def context(self, id_: str) -> Context | None:
        return self.contexts.get(id_)

    def open_context(self, context: Context) -> None:
        self.contexts[context.id] = context

    def join(self, context: str, member: str) -> None:
        self.members.add((context, member))

    def is_member(self, context: str, member: str) -> bool:
        return (context, member) in self.members

    def newest_version(self, context: str, section: BoardSection, name: str) -> int:
        return len(self.versions(context, section, name))

    def count_versions(self, context: str) -> int:
        return sum(len(v) for key, v in self.entries.items() if key[0] == context)

    def add_version(self, entry: Entry) -> None:
        key = entry.context, entry.section, entry.name
        self.entries.setdefault(key, []).append(entry)

    def board(self, context: str) -> list[Entry]:
        return [self.entries[key][-1] for key in sorted(self.entries) if key[0] == context]

    def versions(self, context: str, section: BoardSection, name: str) -> list[Entry]:
        return list(self.entries.get((context, section, name), ()))

    # Who may read

    def grant(self, agent: str, things: Collection[str], until: float) -> None:
        self.grants |= {(agent, thing): until for thing in things}

    def end_grants(self, agent: str) -> None:
        self.grants = {key: until for key, until in self.grants.items() if key[0] != agent}

    def count_grants(self, agent: str, now: float) -> int:
        return sum(of == agent and until > now for (of, _), until in self.grants.items())

    def is_granted(self, agent: str, thing: str, now: float) -> bool:
        return self.grants.get((agent, thing), now) > now

    def lease_shows(self, agent: str, digest: str, now: float) -> bool:
        return any(
            digest in (one.digest for one in task.input)
            or self._on_board(task.context, digest)
            or any(self._made(self.find(other), digest) for other in task.after)
            for task in self._held(agent, now)
        )

    def holds_lease_in(self, agent: str, context: str, now: float) -> bool:
        return any(task.context == context for task in self._held(agent, now))

    def _held(self, agent: str, now: float) -> Iterable[Task]:
        return (
            task
            for task in self._all()
            if task.state is TaskState.WORKING
            and task.holder == agent
            and (task.lease_until or now) > now
        )

    def _on_board(self, context: str, digest: str) -> bool:
        return any(
            entry.descriptor.digest == digest
            for key, versions in self.entries.items()
            if key[0] == context
            for entry in versions
        )

    def _made(self, task: Task | None, digest: str) -> bool:
        return task is not None and digest in (one.digest for one in task.output)

    def member_has(self, member: str, group: str | None, digest: str) -> bool:
        return any(
            of == digest and group in (None, blob.group) and self.is_member(context, member)
            for (context, of), blob in self.blobs.items()
        )

    def submitter_got(self, submitter: str, digest: str) -> bool:
        return any(task.by == submitter and self._made(task, digest) for task in self._all())

    def log_reads(self, reads: Sequence[Read]) -> None:
        self.read_log += reads

    def reads(self, since: float, limit: int) -> list[Read]:
        found = [read for read in self.read_log if read.at >= since]
        return sorted(found, key=lambda read: read.at)[:limit]

    # Blobs

    def blob_size(self, digest: str, context: str | None) -> int | None:
        sizes = (
            b.size for (c, of), b in self.blobs.items() if of == digest and context in (None, c)
        )
        return next(sizes, None)

    def blob_bytes(self, group: str) -> int:
        return self.bytes.get(group, 0)

    def group_has(self, group: str, digest: str) -> bool:
        return any(of == digest and b.group == group for (_, of), b in self.blobs.items())

    def put_blob(self, context: Context, digest: str, size: int, due: float) -> None:
        key, group = (context.id, digest), context.group
        if key in self.blobs:
            self.blobs[key].due = due
            return
        shared = self.group_has(group, digest)
        self.blobs[key] = Blob(group, size, due)
        self.bytes[group] = self.blob_bytes(group) + charge(size, shared=shared)

    def blobs_due(self, now: float, limit: int) -> list[tuple[str, str, bool]]:
        due = sorted((b.due, *key) for key, b in self.blobs.items() if b.due <= now)
        return [
            (context, digest, self._used(context, digest)) for _, context, digest in due[:limit]
        ]

    def _used(self, context: str, digest: str) -> bool:
        return self._on_board(context, digest) or any(
            digest in (one.digest for one in (*task.input, *task.output))
            for task in self._all()
            if task.context == context
        )

    def look_again(self, blobs: Iterable[tuple[str, str]], due: float) -> None:
        for key in blobs:
            self.blobs[key].due = due

    def delete_blobs(self, blobs: Sequence[tuple[str, str]]) -> list[str]:
        for key in blobs:
            gone = self.blobs.pop(key)
            shared = self.group_has(gone.group, key[1])
            self.bytes[gone.group] -= charge(gone.size, shared=shared)
        digests = dict.fromkeys(digest for _, digest in blobs)
        return [digest for digest in digests if self.blob_size(digest, None) is None]

    # Another name

    def open_naming(self, agent: str) -> list[Task]:
        names = {agent, AGENT + agent}
        return [t for t in self._all() if not t.final and names & {t.to, t.holder, t.by}]

    def set_content(self, id_: str, content: str) -> None:
        self.rows[id_].content = content

    def rename_agent(self, old: str, new: str) -> None:
        names = {old: new, AGENT + old: AGENT + new}

        def now(name: str) -> str:
            return names.get(name, name)

        for row in self.rows.values():
            task = row.task
            row.task = replace(task, to=now(task.to), holder=now(task.holder), by=now(task.by))
        self.members = {(context, now(member)) for context, member in self.members}
        self.entries = {
            key: [replace(one, author=now(one.author)) for one in versions]
            for key, versions in self.entries.items()
        }
        self.read_log = [one._replace(reader=now(one.reader)) for one in self.read_log]
        for (agent, thing), until in list(self.grants.items()):
            if agent == old:
                del self.grants[agent, thing]
                self.grants[new, thing] = max(until, self.grants.get((new, thing), until))

    # Forgetting

    def delete(self, tasks: Sequence[Task]) -> None:
        self._delete_rows(tasks)

    def forget(self, now: float, limit: int) -> bool:
        used = {task.context for task in self._all()}
        for context in list(self.contexts.values()):
            if context.id not in used and context.created <= now - KEPT_BLOB:
                del self.contexts[context.id]
                self.members = {each for each in self.members if each[0] != context.id}
                self.entries = {k: v for k, v in self.entries.items() if k[0] != context.id}
        self.grants = {key: until for key, until in self.grants.items() if until > now}
        self.read_log = [r for r in self.read_log[-MAX_READS:] if r.at > now - KEPT_READS]
        return False


class DirectTransactions:
    """See `fleet.store.work.transactional.Transactions`: each call checks all before it writes.

    Args:
        writable: the tables; raises `StoreError` while nothing can be written.
        readable: the tables.
    """

    def __init__(
        self, writable: Callable[[], WorkTables], readable: Callable[[], WorkTables]
    ) -> None:
        self._writable = writable
        self._readable = readable

    async def write(self, work: Callable[[WorkTables], T], needs: Needs = NOTHING) -> T:
        return work(self._writable())

    async def read(self, work: Callable[[WorkTables], T]) -> T:
        return work(self._readable())
