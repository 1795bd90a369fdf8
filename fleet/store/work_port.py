"""What the hub asks of its memory of work by reference: tasks, contexts, boards, grants, blobs.

`Store.work` is one. `tests/contract/test_work_store_contract.py` holds every implementation to the
same promises. The rules of a task's life are `fleet.domain.work.life`'s; a store keeps them whole,
one transaction a call. It knows ids and digests; content is files elsewhere.

The wall: `group` narrows a question to one group's rows; None is for operators. What lies behind
the wall is said to be unknown. Roles, and what an agent may do at all, are the caller's to judge.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from typing import Protocol

from fleet.contract.work_vocabulary import BoardSection, TaskReason, TaskState
from fleet.domain.hub_clock import Step as ClockStep
from fleet.domain.work.task import Descriptor, Task
from fleet.store.work_records import Changed, Context, Entry, Read, TaskPage, WorkCounts


class WorkStore(Protocol):
    """Work, durable: what a call returned is there after a crash.

    `now` is the hub's time in s since the epoch. Each call raises `StoreError` (or its
    `StoreFullError`) as `Store.commit` does, besides what it names; after an error nothing changed.
    Calls at the same time are taken in some order; many may share one write to the disk.
    """

    # A task's life

    async def submit(self, task: Task, now: float) -> tuple[Task, bool]:
        """Take a task, once: the one that is stored, and whether it is new. A known id with the
        same content is the same task, in whatever state it is by now.

        `id group context kind to by input after parent priority ttl timeout max_attempts` count;
        `state` is `submitted`, or `auth-required` where a person must approve first. A task whose
        dependency has ended badly is stored, and `rejected`. The first task opens its context.
        The store gives `depth`, from `parent`.

        Raises:
            ConflictError: the id is known, with another content.
            UnknownContextError: the context belongs to another group.
            UnknownTaskError: one of `after` is no task of this context, or `parent` is unknown.
            CyclicError: it would wait for itself.
            InvalidTaskError: a field is out of bounds; also a delegation too deep, and an input
                that was not stored (`add_blob`) for the context. Where a person must approve it,
                the context is new, and each input is its submitter's to give.
            TooManyError: the context, the group's queue or what it keeps is full, or the submitter
                has too many that nobody has approved.
        """
        ...

    async def get(self, id_: str, group: str | None = None) -> Task:
        """
        Raises:
            UnknownTaskError: there is none, or it is another group's.
        """
        ...

    async def tasks(
        self,
        *,
        group: str | None = None,
        context: str | None = None,
        agent: str | None = None,
        states: Collection[TaskState] = (),
        cursor: str | None = None,
        limit: int = 100,
    ) -> TaskPage:
        """Tasks, newest submission first; `agent`: that it is for, or that holds or held it last.

        Raises:
            ValueError: the cursor is not one of ours.
        """
        ...

    async def changes(
        self, *, group: str | None = None, cursor: str | None = None, limit: int = 100
    ) -> TaskPage:
        """Tasks that changed since `cursor`, each once in its present state, in the order of their
        last changes. `next` is never None: it is where to go on, also after an empty page. Without
        a cursor: from the first task on that is kept.

        Raises:
            ValueError: the cursor is not one of ours.
        """
        ...

    async def offered(
        self, agent: str, group: str, kinds: Collection[str], now: float, limit: int = 100
    ) -> list[Task]:
        """What `claim` would give now, in its order; nothing is changed."""
        ...

    async def claim(
        self, agent: str, group: str, kinds: Collection[str], now: float
    ) -> Task | None:
        """Lease the next task of these kinds that is for `agent`, or for anybody of its group;
        None: there is none. Urgent before high before normal, then who is due longest.

        The attempt is counted and the epoch grows before anything starts. Of many that claim at
        once no two get the same task. Held by `agent` until `lease_until`.
        """
        ...

    async def renew(
        self, id_: str, agent: str, epoch: int, progress: int, now: float, *, result: bool = False
    ) -> Task:
        """The worker goes on, `progress` of 100: the task with its new `lease_until`, which never
        reaches beyond the time-out or ttl. Where `cancel` is set the lease is not longer than
        before: end the worker, then `finish` as `canceled`. A lease that ran out is given back to
        a `result` that waits to be handed over, if nobody has claimed the task since.

        Raises:
            UnknownTaskError, StaleEpochError, WrongStateError: nothing of it is yours any more.
        """
        ...

    async def finish(
        self,
        id_: str,
        agent: str,
        epoch: int,
        state: TaskState,
        output: Sequence[Descriptor],
        reason: TaskReason | None,
        now: float,
    ) -> Changed:
        """The attempt is over. `state`: `completed`, `failed`, `rejected`, `canceled` (only where
        `cancel` is set) or `input-required` (the question is in `output`).

        What failed for a reason that another attempt may mend is `submitted` again, not before a
        while, as long as `max_attempts` lasts. Said again with the same epoch and state after its
        answer was lost, it changes nothing and is no error. Late, it counts as a result by `renew`.

        Raises:
            UnknownTaskError, StaleEpochError, WrongStateError: as for `renew`.
            InvalidTaskError: an output is out of bounds, or was not stored (`add_blob`) for the
                task's context.
        """
        ...

    async def cancel(self, id_: str, group: str | None, now: float) -> Changed:
        """Call a task off: at once if nobody works at it, else `cancel` is set, which the worker
        sees at its next renewal; it ends with its lease at the latest. Again: changes nothing.

        Raises:
            UnknownTaskError: as for `get`.
            WrongStateError: it has ended otherwise.
        """
        ...

    async def give_input(
        self, id_: str, group: str | None, more: Sequence[Descriptor], now: float
    ) -> Changed:
        """Answer a task that is `input-required`: `more` is added to its input, it is `submitted`
        again, and the attempt that asked is not counted.

        Raises:
            UnknownTaskError, WrongStateError, InvalidTaskError.
        """
        ...

    async def approve(self, id_: str, approved: bool, now: float) -> Changed:
        """A person decided on a task that is `auth-required`: `submitted`, or `rejected`.
        Its inputs belong to its context from then on.

        Raises:
            UnknownTaskError, WrongStateError.
            TooManyError: the queue of its group is full.
        """
        ...

    async def retry(self, id_: str, now: float) -> Changed:
        """A new life for a task that ended other than `completed`, by an operator: attempts count
        from 0 and its ttl from `now`; the epoch goes on. Those that waited for it stay as they are.

        Raises:
            UnknownTaskError, WrongStateError.
            TooManyError: the queue of its group is full.
        """
        ...

    async def expire(self, now: float, limit: int = 500) -> list[Task]:
        """End what is over, at most `limit` tasks and what hangs on them, and return all that
        changed: leases that ran out (`submitted` again or `lost`), ttl, time-outs, cancellations.
        Full pages mean that more is waiting. A hub that was away renews nothing meanwhile: let it
        wait for a lease's time after its start before it calls this.
        """
        ...

    async def agent_gone(self, agent: str, now: float) -> list[Task]:
        """`agent` was revoked: what it worked at is `submitted` again, at the cost of an attempt,
        and what was for nobody else is `rejected`; all that changed. Its grants end."""
        ...

    async def restamp(self, step: ClockStep) -> None:
        """The hub's stamps moved: each open task lives as long as it was meant to."""
        ...

    # Results, until somebody has them

    async def untold(self, submitter: str, limit: int = 100) -> list[Task]:
        """Final tasks of `submitter` (`Task.by`) that it has not acknowledged, oldest end first."""
        ...

    async def acknowledge(self, submitter: str, ids: Collection[str], now: float) -> int:
        """It has the final states of these; how many were new to be told. Ids of others, or of
        tasks that are not final, change nothing."""
        ...

    # Contexts and boards

    async def context(self, id_: str, group: str | None = None) -> Context:
        """
        Raises:
            UnknownContextError: there is none, or it is another group's.
        """
        ...

    async def open_context(self, id_: str, group: str, now: float) -> Context:
        """The context, made if it is new: for a blob or a board entry before the first task.

        Raises:
            UnknownContextError: it belongs to another group.
            TooManyError: the group has too many of them.
        """
        ...

    async def put_entry(self, entry: Entry, expected: int | None = None) -> Entry:
        """Put the next version on a board; the store gives `version`. `expected`: the version that
        must be the newest now, 0 for none yet; None: whatever it is.

        Raises:
            UnknownContextError: its context was never opened.
            VersionConflictError: another version is the newest.
            InvalidTaskError: the blob was not stored (`add_blob`) for the context.
            TooManyError: the board is full.
        """
        ...

    async def board(self, context: str) -> list[Entry]:
        """The newest version of each entry, by section and name; empty where nothing is."""
        ...

    async def versions(self, context: str, section: BoardSection, name: str) -> list[Entry]:
        """Every version of one entry, oldest first.

        Raises:
            UnknownEntryError: there is none.
        """
        ...

    # Who may read what

    async def grant(self, agent: str, things: Collection[str], until: float, now: float) -> None:
        """Let `agent` read these digests, or boards (ids of contexts), until a time. A claim needs
        no such call: its lease is the grant, see `may_read`.

        Raises:
            TooManyError: the agent has too many that are not over.
        """
        ...

    async def may_read(self, agent: str, group: str, digest: str, now: float) -> bool:
        """Whether `agent` of `group` may read the blob: it holds a live lease of a task that takes
        it as input, whose board shows it, or that waited for one with that output; or it submitted
        a task with that output; or it is a member of a context of its group for which the blob was
        stored; or it was granted. Members of a context are who submitted a task in it. To know a
        digest is none of these."""
        ...

    async def may_use_board(self, agent: str, group: str, context: str, now: float) -> bool:
        """Whether `agent` of `group` may read and write the board: a live lease in that context,
        membership, or (to read) a grant."""
        ...

    async def log_reads(self, reads: Sequence[Read]) -> None:
        """Remember who read which digest when, for the auditor; bounded by time and number."""
        ...

    async def reads(self, *, since: float = 0.0, limit: int = 1000) -> list[Read]:
        """The log from `since` on, oldest first."""
        ...

    # Blobs, of which the store knows digest, size and owner

    async def add_blob(self, context: str, digest: str, size: int, quota: int, now: float) -> None:
        """A blob was stored for this context; again: its time begins anew. It counts against the
        `quota` (bytes) of the context's group, in blocks of 4 KiB; one that the group has in
        another context already counts as one block.

        Raises:
            UnknownContextError: the context was never opened.
            TooManyError: the group's quota would be exceeded; nothing is recorded.
        """
        ...

    async def blob_size(self, digest: str, context: str | None = None) -> int | None:
        """Bytes of a blob that was stored (for `context`); None: it was not."""
        ...

    async def blob_bytes(self, group: str) -> int:
        """What counts against the group's quota."""
        ...

    async def forget_blobs(self, now: float, limit: int = 100) -> list[str]:
        """Forget blobs that nothing refers to since `KEPT_BLOB`, at most `limit`; the digests whose
        files may go now, since no group has them any more. References are inputs and outputs of
        tasks that are kept, and every version on a board."""
        ...

    # Figures

    async def counts(self, now: float) -> WorkCounts: ...
