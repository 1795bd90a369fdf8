"""Tasks: who may submit, see, claim, end and decide them. The life of a task is the store's.

What a caller may not see is said to be unknown, in the same words and after the same questions.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from contextlib import suppress
from typing import Final

from fleet.contract.work_vocabulary import BuiltInKind, TaskState
from fleet.domain.work.errors import (
    InvalidTaskError,
    UnknownContextError,
    UnknownTaskError,
    WrongStateError,
)
from fleet.domain.work.task import Descriptor, Task
from fleet.store.work_port import WorkStore
from fleet.store.work_records import Changed, TaskPage
from fleet.work.blob_errors import NoSuchBlobError
from fleet.work.blobs import Blobs
from fleet.work.caller import Caller
from fleet.work.errors import NotAllowedError, UnavailableError
from fleet.work.members import BUILT_IN, Member, Members
from fleet.work.offers import Offers
from fleet.work.possession import Possession
from fleet.work.requests import End, TaskFilter, TaskRequest

OPERATORS_ALONE: Final = frozenset(
    {BuiltInKind.UPDATE.value, BuiltInKind.ACTIVATE.value, BuiltInKind.DEACTIVATE.value}
)
"""Kinds that change an agent itself: no agent asks that of another."""


class Tasks:
    """The rules of tasks, over the store that keeps them."""

    def __init__(
        self,
        store: WorkStore,
        blobs: Blobs,
        members: Members,
        possession: Possession,
        offers: Offers,
        now: Callable[[], float],
    ) -> None:
        self._store = store
        self._blobs = blobs
        self._members = members
        self._possession = possession
        self._offers = offers
        self._now = now

    # --- from who wants work done

    async def submit(self, caller: Caller, request: TaskRequest) -> tuple[Task, bool]:
        """The task, and whether it is new. For another group it waits for a person's approval.

        Raises:
            WorkError: it cannot be taken, and why.
        """
        now = self._now()
        group = self._target(caller, request)
        foreign = caller.group not in (None, group)
        if not await self._is_known(caller, request.id):
            await self._require_may(caller, group, request, now)
        task = Task(
            request.id, group, request.context, request.kind, now, request.to, caller.by,
            request.input, after=request.after, parent=request.parent,
            priority=request.priority, ttl=request.ttl, timeout=request.timeout,
            max_attempts=request.max_attempts,
            state=TaskState.AUTH_REQUIRED if foreign else TaskState.SUBMITTED,
        )  # fmt: skip
        stored, is_new = await self._store.submit(task, now)
        if is_new:
            self._offers.tell([stored], now)
        return stored, is_new

    async def cancel(self, caller: Caller, task: str) -> Task:
        """Call a task off that the caller submitted; people, any."""
        await self._own(caller, task)
        return self._told(await self._store.cancel(task, None, self._now()))

    async def give_input(self, caller: Caller, task: str, more: Sequence[Descriptor]) -> Task:
        """Answer the question of a task that the caller submitted; people, any."""
        known = await self._own(caller, task)
        if caller.group not in (None, known.group):
            raise NotAllowedError(
                f"task {task} is answered by a person",
                "it works for another group, and what goes there is looked at first",
                f"tell an operator: task {task} waits for input",
            )
        now = self._now()
        await self._possession.require(caller, known.group, more, now)
        await self._possession.adopt(known.context, more, now)
        return self._told(await self._store.give_input(task, None, more, now))

    async def untold(self, caller: Caller, limit: int) -> list[Task]:
        """Ended tasks of the caller that it has not acknowledged."""
        return await self._store.untold(caller.by, limit)

    async def acknowledge(self, caller: Caller, task: str) -> Task:
        """The caller knows how a task of its own ended."""
        await self._own(caller, task)
        await self._store.acknowledge(caller.by, [task], self._now())
        return await self._store.get(task)

    # --- to be seen

    async def get(self, caller: Caller, task: str) -> Task:
        """A task of the caller's group, or one that it submitted."""
        try:
            return await self._store.get(task, caller.group)
        except UnknownTaskError:
            found = await self._store.get(task)
            if found.by != caller.by:
                raise UnknownTaskError(task) from None
            return found

    async def tasks(self, caller: Caller, wanted: TaskFilter) -> TaskPage:
        """Newest first. Of another group an agent sees nothing, whether there is such or not."""
        group = caller.group or wanted.group
        if wanted.group not in (None, group):
            return TaskPage([], None)
        return await self._store.tasks(
            group=group,
            context=wanted.context,
            agent=wanted.agent,
            states=wanted.states,
            cursor=wanted.cursor,
            limit=wanted.limit,
        )

    # --- from who does it

    async def offered(self, caller: Caller, limit: int) -> list[Task]:
        """What the caller could claim now, in the order in which it would get it."""
        member = _member(caller)
        return await self._store.offered(
            member.name, member.group, member.kinds, self._now(), limit
        )

    async def claim(self, caller: Caller, task: str) -> Task:
        """Lease the next task of the kind of `task`: what was offered, or what is more urgent.

        Raises:
            WrongStateError: there is none that waits.
        """
        member = _member(caller)
        known = await self._store.get(task, member.group)
        if known.kind not in member.kinds:
            raise NotAllowedError(
                f"{member.name} may not claim task {task}",
                f"its enrolment does not list the kind {known.kind}",
                f"fleet agent allow {member.name} --can {member.and_also(known.kind)}",
            )
        found = await self._store.claim(member.name, member.group, {known.kind}, self._now())
        if found is None:
            raise WrongStateError(task, known.state, "claim")
        return found

    async def renew(
        self, caller: Caller, task: str, epoch: int, progress: int, *, result: bool = False
    ) -> Task:
        """The worker goes on; or its `result` waits to be handed over."""
        member = _member(caller)
        await self._store.get(task, member.group)
        return await self._store.renew(
            task, member.name, epoch, progress, self._now(), result=result
        )

    async def finish(self, caller: Caller, task: str, end: End) -> Task:
        """The attempt is over; each output is stored, and was sent by the caller or is its own."""
        member, now = _member(caller), self._now()
        known = await self._store.get(task, member.group)
        await self._possession.require(caller, member.group, end.output, now)
        await self._possession.adopt(known.context, end.output, now)
        return self._told(
            await self._store.finish(
                task, member.name, end.epoch, end.state, end.output, end.reason, now
            )
        )

    # --- from who decides

    async def approve(self, task: str, approved: bool) -> Task:
        """Let a task for another group begin, with copies of its inputs; or refuse it."""
        known = await self._store.get(task)
        if known.state is not TaskState.AUTH_REQUIRED:
            raise WrongStateError(task, known.state, "approve")
        if approved:
            self._require_able(known.group, known.kind, known.to)
            await self._copy_inputs(known)
        return self._told(await self._store.approve(task, approved, self._now()))

    async def retry(self, task: str) -> Task:
        """Give a task that ended badly another life."""
        return self._told(await self._store.retry(task, self._now()))

    # --- the rules

    def _target(self, caller: Caller, request: TaskRequest) -> str:
        """The group that a task is for; of agents of other groups nothing is told."""
        if caller.member is not None:
            if not caller.member.may_delegate:
                raise NotAllowedError(
                    f"{caller.member.name} may not submit tasks",
                    "its enrolment does not say so",
                    f"fleet agent allow {caller.member.name} --may-delegate",
                )
            if request.kind in OPERATORS_ALONE:
                raise NotAllowedError(
                    f"an agent does not submit tasks of kind {request.kind}",
                    "they change another agent",
                    f"tell an operator: fleet task submit {request.kind}",
                )
            return request.group or caller.member.group
        group = request.group or (self._members.group_of(request.to) if request.to else "")
        if not group:
            why = "nothing says which group it is for"
            raise InvalidTaskError("group", why, '"group": "NAME", or "to": an enrolled agent')
        return group

    def _require_able(self, group: str, kind: str, to: str) -> None:
        """Have somebody in the group that may do it: else it would wait for its whole ttl."""
        members = self._members.in_group(group)
        if to:
            members = [member for member in members if member.name == to]
            if not members:
                why = f"no agent {to} is in group {group}"
                raise InvalidTaskError("to", why, "fleet agent list")
        if any(kind in member.kinds for member in members):
            return
        known = sorted(set().union(*(member.kinds for member in members)) - BUILT_IN)
        why = f"nobody of group {group} may do {kind}"
        if known:
            why += f"; what can be done there: {', '.join(known)}"
        remedy = f"fleet agent add NAME --group {group} --can {kind}"
        if members:
            remedy = f"fleet agent allow {members[0].name} --can {members[0].and_also(kind)}"
        raise InvalidTaskError("kind", why, remedy)

    async def _is_known(self, caller: Caller, task: str) -> bool:
        """Whether the caller submitted it before: then it may be told what became of it, whatever
        has changed since. That the content is the same, the store judges."""
        try:
            return (await self._store.get(task)).by == caller.by
        except UnknownTaskError:
            return False

    async def _require_may(
        self, caller: Caller, group: str, request: TaskRequest, now: float
    ) -> None:
        """Have all that it names be there, and the caller's to name."""
        if request.parent is not None:
            await self._require_held(caller, request.parent)
        await self._possession.require(caller, caller.group or group, request.input, now)
        if caller.group not in (None, group):
            return  # a person looks at it; its content is copied then
        self._require_able(group, request.kind, request.to)
        await self._require_one_session(group, request)
        await self._require_open(caller, group, request.context, now)
        await self._store.open_context(request.context, group, now)
        await self._possession.adopt(request.context, request.input, now)

    async def _require_one_session(self, group: str, request: TaskRequest) -> None:
        """Have all that it waits for be of its context: the board of one session is what the next
        one reads. Tasks that are not there are the store's to refuse."""
        for other in request.after:
            with suppress(UnknownTaskError):
                found = await self._store.get(other, group)
                if found.context != request.context:
                    why = f"{other} belongs to another session than this one"
                    raise InvalidTaskError("after", why, f"--context {found.context}")

    async def _require_open(self, caller: Caller, group: str, context: str, now: float) -> None:
        """A context that is there is joined by those who may use its board, and by no other who
        knows its id. One that is not is opened by its first task; another group's is the store's
        to refuse."""
        if caller.member is None:
            return
        try:
            await self._store.context(context, group)
        except UnknownContextError:
            return
        if not await self._store.may_use_board(caller.member.name, group, context, now):
            raise UnknownContextError(context)

    async def _require_held(self, caller: Caller, task: str) -> None:
        """Have the task that delegates be one that the caller works at."""
        found = await self._store.get(task, caller.group)
        held = found.state is TaskState.WORKING
        if caller.member is not None and not (held and found.holder == caller.member.name):
            raise UnknownTaskError(task)

    async def _own(self, caller: Caller, task: str) -> Task:
        """A task that the caller may steer: its own; for people, any."""
        found = await self.get(caller, task)
        if caller.member is not None and found.by != caller.by:
            raise NotAllowedError(
                f"task {task} is not yours to change",
                "another agent or a person submitted it",
                f"tell an operator: fleet task cancel {task}",
            )
        return found

    async def _copy_inputs(self, task: Task) -> None:
        source = self._members.of(task.by.removeprefix("agent:")).group
        for one in task.input:
            if not source:
                raise UnavailableError(one.digest)
            try:
                await asyncio.to_thread(
                    self._blobs.copy, source, task.group, one.digest, self._now()
                )
            except NoSuchBlobError:
                raise UnavailableError(one.digest) from None
            quota = self._blobs.limits.quota
            await self._store.add_blob(task.context, one.digest, one.size, quota, self._now())

    def _told(self, changed: Changed) -> Task:
        self._offers.tell([changed.task, *changed.others], self._now())
        return changed.task


def _member(caller: Caller) -> Member:
    """The agent that works; that people do not was judged at the door."""
    if caller.member is None:
        raise NotAllowedError("people do no agent's work", "", "a token of role agent:NAME")
    return caller.member
