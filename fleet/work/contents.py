"""Blobs and boards: who may read and write which content, streamed to and from files.

What a caller may not read is said to be unknown, in the same words. Who read what is noted as ids.
"""

from __future__ import annotations

import asyncio
import os
from collections import Counter
from collections.abc import AsyncIterable, Callable, Iterator, Sequence
from contextlib import contextmanager
from functools import partial
from typing import Final

from fleet.contract.work_vocabulary import BoardSection, TaskState
from fleet.domain.work.errors import (
    UnknownContextError,
    UnknownEntryError,
    UnknownTaskError,
    UnopenedContextError,
)
from fleet.store.work_port import WorkStore
from fleet.store.work_records import Entry, Read
from fleet.work.blob_errors import BlobError, DiskFullError, OffsetError, OverQuotaError
from fleet.work.blobs import Blobs, unknown_blob
from fleet.work.caller import Caller
from fleet.work.errors import BusyError, NotAllowedError
from fleet.work.handed_over import handed_over
from fleet.work.interrupted import Interrupted, Key
from fleet.work.possession import Possession
from fleet.work.requests import EntryRequest
from fleet.work.upload import Upload

AT_ONCE: Final = 32
"""Uploads at a time, of one caller a quarter: each has a file, a block in memory and a thread."""

BLOCK: Final = 1024 * 1024
"""Bytes that are gathered before a thread writes them: few changes of threads, little memory."""

MOST_NOTED: Final = 10_000
"""Reads that wait to be noted; they are every second."""


class Contents:
    """The rules of blobs and boards, over the store and the files."""

    def __init__(
        self, store: WorkStore, blobs: Blobs, possession: Possession, now: Callable[[], float]
    ) -> None:
        self._store = store
        self._blobs = blobs
        self._possession = possession
        self._now = now
        self._uploads: Counter[str] = Counter()
        self._interrupted = Interrupted()
        self._reads: list[Read] = []

    # --- blobs

    async def put_blob(
        self,
        caller: Caller,
        context: str,
        digest: str,
        size: int,
        content: AsyncIterable[bytes],
        group: str | None = None,
        begin: int | None = None,
    ) -> bool:
        """Store a content for a context, which is opened if it is new; whether the group had it
        not yet. `group`: for people, whose the new context is. `begin`: the byte from which on
        `content` is; what breaks off then waits for a while to go on.

        Raises:
            WorkError, BlobError: it is not taken, and why; nothing of it is kept.
            OffsetError: it goes on elsewhere; what came before waits on.
        """
        owner = await self._open(caller, context, group)
        known = await asyncio.to_thread(self._blobs.size, owner, digest) is not None
        with self._one_more(caller):
            await self._receive(Key(caller.by, owner, digest, size), content, begin)
        now = self._now()
        try:
            await self._store.add_blob(context, digest, size, self._blobs.limits.quota, now)
        except BaseException:
            if not known:
                await asyncio.to_thread(self._blobs.remove, owner, digest)
            raise
        await self._possession.note(caller, digest, now)
        return not known

    async def open_blob(
        self, caller: Caller, context: str, digest: str, *, read: bool = True
    ) -> tuple[int, int]:
        """(descriptor, bytes) of a content that the caller may read; the caller closes it.

        Raises:
            NoSuchBlobError: there is none for it to read.
        """
        owner = await self._owner(caller, context, digest)
        if owner is None:
            raise unknown_blob()
        if read:
            self._reads.append(Read(self._now(), caller.by, digest))
            if len(self._reads) >= MOST_NOTED:
                await self.note_reads()
        return await handed_over(
            partial(self._blobs.read, owner, digest), lambda found: os.close(found[0])
        )

    async def note_reads(self) -> None:
        """Have who read what in the store's log."""
        reads, self._reads = self._reads, []
        if reads:
            await self._store.log_reads(reads)

    # --- boards

    async def board(self, caller: Caller, context: str) -> list[Entry]:
        """The newest version of each entry."""
        await self._require_board(caller, context)
        return await self._store.board(context)

    async def versions(
        self, caller: Caller, context: str, section: BoardSection, name: str
    ) -> list[Entry]:
        """Every version of one entry, oldest first."""
        await self._require_board(caller, context)
        return await self._store.versions(context, section, name)

    async def put_entry(self, caller: Caller, request: EntryRequest) -> Entry:
        """Put the next version of an entry on a board; its content was stored before.

        Raises:
            VersionConflictError: it is not the version that the writer believed.
        """
        group = await self._require_board(caller, request.context)
        now = self._now()
        await self._possession.require(caller, group, [request.descriptor], now)
        if request.task:
            await self._require_held(caller, request)
        entry = Entry(
            request.context, request.section, request.name, 0, request.descriptor,
            caller.by, request.task, now,
        )  # fmt: skip
        await self._possession.adopt(request.context, [request.descriptor], now)
        return await self._store.put_entry(entry, request.expected)

    # --- the rules

    async def _open(self, caller: Caller, context: str, group: str | None) -> str:
        """The group of a context to put content into, opened if it is new. One that is there takes
        it from those who may use its board."""
        now = self._now()
        try:
            found = await self._store.context(context, caller.group)
        except UnknownContextError:
            owner = caller.group or group
            if not owner:
                raise UnopenedContextError(context) from None
            await self._store.open_context(context, owner, now)
            await self._possession.opened(caller, context, now)
            return owner
        if caller.member is not None and not await self._store.may_use_board(
            caller.member.name, found.group, context, now
        ):
            raise UnknownContextError(context)
        return found.group

    async def _owner(self, caller: Caller, context: str, digest: str) -> str | None:
        """The group whose copy of a content the caller may read; None: none."""
        if caller.member is None:
            return (await self._store.context(context)).group
        group = caller.member.group
        stored = await asyncio.to_thread(self._blobs.size, group, digest) is not None
        if await self._possession.has(caller, group, digest, self._now()) and stored:
            return group
        return await self._group_of_result(caller, context, digest)

    async def _group_of_result(self, caller: Caller, context: str, digest: str) -> str | None:
        """The group that did a task for the caller, a person's approval between, if this is its
        result."""
        page = await self._store.tasks(context=context, states=(TaskState.COMPLETED,), limit=1000)
        for task in page.tasks:
            if task.by == caller.by and any(one.digest == digest for one in task.output):
                return task.group
        return None

    async def _require_board(self, caller: Caller, context: str) -> str:
        """The group of a board that the caller may use."""
        found = await self._store.context(context, caller.group)
        if caller.member is not None and not await self._store.may_use_board(
            caller.member.name, found.group, context, self._now()
        ):
            raise UnknownContextError(context)
        return found.group

    async def _require_held(self, caller: Caller, request: EntryRequest) -> None:
        task = await self._store.get(request.task, caller.group)
        if task.context != request.context:
            raise UnknownTaskError(request.task)
        if caller.member is not None and task.holder != caller.member.name:
            raise NotAllowedError(
                f"task {request.task} is not yours to write for",
                "another agent holds it",
                "leave task out, or name the one that you claimed",
            )

    @contextmanager
    def _one_more(self, caller: Caller) -> Iterator[None]:
        if self._uploads.total() >= AT_ONCE or self._uploads[caller.by] >= AT_ONCE // 4:
            raise BusyError("too many uploads at once", "", "the same again in a few seconds")
        self._uploads[caller.by] += 1
        try:
            yield
        finally:
            self._uploads[caller.by] -= 1
            if not self._uploads[caller.by]:
                del self._uploads[caller.by]

    async def _receive(self, key: Key, content: AsyncIterable[bytes], begin: int | None) -> None:
        upload = await self._begun(key, begin)
        over = [upload]
        try:
            await _fill(upload, content)
            await asyncio.to_thread(upload.finish)
            earlier = self._interrupted.take(key)  # it was begun anew meanwhile
            over += [earlier] if earlier else []
        except BlobError:
            raise
        except BaseException:  # it broke off
            if begin is not None and not upload.is_broken:
                over = self._interrupted.keep(key, upload)
            raise
        finally:
            await self._abandon(over)

    async def _begun(self, key: Key, begin: int | None) -> Upload:
        """The upload to write to: the one that waits, where it goes on at `begin`."""
        upload, at = await self._take(key)
        if begin is not None and begin != at:
            if begin < 0 and upload is None:  # who only asks hears now what would be refused
                await self._abandon([await self._anew(key)])
            await self._abandon(self._interrupted.keep(key, upload) if upload else ())
            raise OffsetError(at)
        if upload is not None and begin is not None:
            return upload
        await self._abandon([upload] if upload else ())
        return await self._anew(key)

    async def _anew(self, key: Key) -> Upload:
        """A new upload. One that waits to go on, perhaps never does, is no reason to refuse it."""
        begin = partial(self._blobs.begin, key.group, key.digest, key.size, self._now())
        try:
            return await handed_over(begin, Upload.abandon)
        except OverQuotaError:
            waiting = self._interrupted.take_all(key.group)
            if not waiting:
                raise
        except DiskFullError:
            waiting = self._interrupted.take_all()
            if not waiting:
                raise
        await self._abandon(waiting)
        return await handed_over(begin, Upload.abandon)

    async def _take(self, key: Key) -> tuple[Upload | None, int]:
        """The upload that waits, which waits no more, and how far it is."""
        upload = self._interrupted.take(key)
        if upload is None:
            return None, 0
        try:
            at = await asyncio.to_thread(lambda: upload.goes_on_at)
        except BaseException:  # whoever asked has gone: it waits on
            await self._abandon(self._interrupted.keep(key, upload))
            raise
        if at is None:  # it ended, or broke, after whoever sent it was gone
            await self._abandon([upload])
            return None, 0
        return upload, at

    async def forget_interrupted(self) -> None:
        """Let go of uploads that have waited long enough to go on."""
        await self._abandon(self._interrupted.over())

    async def _abandon(self, uploads: Sequence[Upload]) -> None:
        """In threads, where each waits for one that still writes."""
        loop = asyncio.get_running_loop()
        gone = [loop.run_in_executor(None, upload.abandon) for upload in uploads]
        await asyncio.shield(asyncio.gather(*gone))


async def _fill(upload: Upload, content: AsyncIterable[bytes]) -> None:
    """Write what comes, while the next of it comes: two blocks of it are in memory at most."""
    loop = asyncio.get_running_loop()
    gathered = bytearray()
    writing = loop.run_in_executor(None, upload.write, b"")
    try:
        async for block in content:
            gathered += block
            if len(gathered) >= BLOCK:
                await writing
                writing = loop.run_in_executor(None, upload.write, gathered)
                gathered = bytearray()
    finally:  # also of what breaks off, so that it is known whether what came is on the disk
        await writing
    await asyncio.to_thread(upload.write, gathered)


def entry_of(entries: list[Entry], version: int | None) -> Entry:
    """The newest of an entry's versions, or the one that is named."""
    if version is None:
        return entries[-1]
    for entry in entries:
        if entry.version == version:
            return entry
    last = entries[-1]
    raise UnknownEntryError(last.context, last.section, last.name)
