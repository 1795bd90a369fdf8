"""What broke off goes on where it did, if it is sound; what is broken or waits holds nobody up."""

from __future__ import annotations

import asyncio
import errno
import os
import threading
from collections.abc import AsyncIterator, Callable
from contextlib import suppress
from hashlib import sha256
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from fleet.work import upload as upload_module
from fleet.work.blob_errors import MismatchError, OffsetError, OverQuotaError
from fleet.work.blobs import BLOCK, INCOMING, Blobs
from fleet.work.caller import Caller
from fleet.work.contents import Contents
from fleet.work.limits import MIB, BlobLimits
from fleet.work.upload import Upload

NOW = 1_790_000_000.0
CONTENT = os.urandom(3 * MIB)


class Store:
    """Knows a context for each group, of its name."""

    async def context(self, context: str, *_: Any) -> Any:
        return SimpleNamespace(group=context)

    async def add_blob(self, *_: Any) -> None: ...

    async def note(self, *_: Any) -> None: ...


@pytest.fixture
def blobs(tmp_path: Path) -> Blobs:
    made = Blobs(tmp_path, BlobLimits(quota=4 * MIB))
    made.open()
    return made


@pytest.fixture
def contents(blobs: Blobs) -> Contents:
    store: Any = Store()
    return Contents(store, blobs, store, lambda: NOW)


class BrokeOffError(Exception):
    """The link of whoever sends is gone."""


async def sent(content: bytes, *, breaks_off: bool = False) -> AsyncIterator[bytes]:
    for at in range(0, len(content), MIB):
        yield content[at : at + MIB]
    if breaks_off:
        raise BrokeOffError


async def put(
    contents: Contents,
    body: AsyncIterator[bytes],
    begin: int | None = 0,
    content: bytes = CONTENT,
    by: str = "agent:ada",
    group: str = "red",
) -> bool:
    digest = f"sha256:{sha256(content).hexdigest()}"
    return await contents.put_blob(Caller(by), group, digest, len(content), body, group, begin)


async def test_what_broke_off_goes_on_where_it_did(contents: Contents, blobs: Blobs) -> None:
    with pytest.raises(BrokeOffError):
        await put(contents, sent(CONTENT[: 2 * MIB], breaks_off=True))
    with pytest.raises(OffsetError) as elsewhere:
        await put(contents, sent(CONTENT), MIB)
    assert elsewhere.value.offset == 2 * MIB
    assert await put(contents, sent(CONTENT[2 * MIB :]), 2 * MIB)
    assert blobs.used("red") == 3 * MIB


async def test_what_the_disk_did_not_take_does_not_go_on(
    contents: Contents, blobs: Blobs, monkeypatch: pytest.MonkeyPatch
) -> None:
    write = os.write

    def fails_half_way(handle: int, block: Any) -> int:
        if len(block) < MIB:
            raise OSError(errno.EIO, os.strerror(errno.EIO))
        return write(handle, block[:BLOCK])

    with monkeypatch.context() as broken:
        broken.setattr(upload_module.os, "write", fails_half_way)
        with pytest.raises(OSError, match="error"):
            await put(contents, sent(CONTENT))
    assert blobs.used("red") == 0, "it does not wait"
    with pytest.raises(OffsetError) as elsewhere:
        await put(contents, sent(CONTENT[MIB:]), MIB)
    assert elsewhere.value.offset == 0
    assert await put(contents, sent(CONTENT))


async def test_what_came_whole_and_was_not_finished_does_not_go_on(
    contents: Contents, blobs: Blobs
) -> None:
    with pytest.raises(BrokeOffError):
        await put(contents, sent(CONTENT, breaks_off=True))
    assert await put(contents, sent(CONTENT), 0)
    assert blobs.used("red") == 3 * MIB


def test_a_broken_upload_is_never_whole(blobs: Blobs, monkeypatch: pytest.MonkeyPatch) -> None:
    digest = f"sha256:{sha256(CONTENT).hexdigest()}"

    def fails(*_: object) -> int:
        raise OSError(errno.EIO, os.strerror(errno.EIO))

    with blobs.begin("red", digest, len(CONTENT), NOW) as upload:
        upload.write(CONTENT[:MIB])
        assert upload.goes_on_at == MIB
        with monkeypatch.context() as broken:
            broken.setattr(upload_module.os, "write", fails)
            with pytest.raises(OSError, match="error"):
                upload.write(CONTENT[MIB : 2 * MIB])
        assert upload.goes_on_at is None
        upload.write(CONTENT[2 * MIB :])
        with pytest.raises(MismatchError):
            upload.finish()
    assert blobs.size("red", digest) is None


async def test_who_goes_while_its_upload_waits_for_a_thread_leaves_nothing_open(
    contents: Contents, blobs: Blobs, monkeypatch: pytest.MonkeyPatch
) -> None:
    begin, begins, goes_on = blobs.begin, threading.Event(), threading.Event()

    made: list[Upload] = []

    def begin_late(*given: Any) -> Upload:
        begins.set()
        goes_on.wait(30)
        made.append(begin(*given))
        return made[0]

    monkeypatch.setattr(blobs, "begin", begin_late)
    sender = asyncio.create_task(put(contents, sent(CONTENT)))
    await asyncio.to_thread(begins.wait, 30)
    sender.cancel()
    with pytest.raises(asyncio.CancelledError):
        await sender
    goes_on.set()
    incoming = blobs._folder / INCOMING
    await until(lambda: made and not open_below(blobs._folder))
    await until(lambda: blobs.used("red") == 0 and not list(incoming.iterdir()))


async def test_who_goes_while_its_content_is_opened_leaves_nothing_open(
    contents: Contents, blobs: Blobs, monkeypatch: pytest.MonkeyPatch
) -> None:
    await put(contents, sent(CONTENT))
    read, begins, goes_on = blobs.read, threading.Event(), threading.Event()
    opened: list[int] = []

    def read_late(*given: Any) -> tuple[int, int]:
        begins.set()
        goes_on.wait(30)
        found = read(*given)
        opened.append(found[0])
        return found

    monkeypatch.setattr(blobs, "read", read_late)
    digest = f"sha256:{sha256(CONTENT).hexdigest()}"
    reader = asyncio.create_task(contents.open_blob(Caller("cli"), "red", digest))
    await asyncio.to_thread(begins.wait, 30)
    reader.cancel()
    with pytest.raises(asyncio.CancelledError):
        await reader
    goes_on.set()
    await until(lambda: opened and not open_below(blobs._folder))


async def test_who_goes_while_it_asks_where_to_go_on_leaves_it_to_wait(
    contents: Contents, blobs: Blobs, monkeypatch: pytest.MonkeyPatch
) -> None:
    with pytest.raises(BrokeOffError):
        await put(contents, sent(CONTENT[:MIB], breaks_off=True))
    begins, goes_on = threading.Event(), threading.Event()
    where = Upload.goes_on_at

    def late(upload: Upload) -> int | None:
        begins.set()
        goes_on.wait(30)
        return where.fget(upload)  # type: ignore[attr-defined,no-any-return]

    with monkeypatch.context() as slow:
        slow.setattr(Upload, "goes_on_at", property(late))
        sender = asyncio.create_task(put(contents, sent(CONTENT[MIB:]), MIB))
        await asyncio.to_thread(begins.wait, 30)
        sender.cancel()
        goes_on.set()
        with pytest.raises(asyncio.CancelledError):
            await sender
    assert await put(contents, sent(CONTENT[MIB:]), MIB)


def open_below(folder: Path) -> list[Path]:
    """Files there that this process has open."""
    found = []
    for link in Path("/proc/self/fd").iterdir():
        with suppress(OSError):
            found.append(link.readlink())
    return [path for path in found if folder in path.parents]


async def until(holds: Callable[[], object]) -> None:
    async with asyncio.timeout(30):
        while not holds():  # noqa: ASYNC110 - threads and files tell nobody
            await asyncio.sleep(0.01)


async def test_what_waits_makes_room_for_what_comes(contents: Contents, blobs: Blobs) -> None:
    for by in ("agent:ada", "agent:bob"):  # of another attempt, so not the same upload
        with pytest.raises(BrokeOffError):
            await put(contents, sent(CONTENT[:MIB], breaks_off=True), by=by)
    other = os.urandom(2 * MIB)
    assert await put(contents, sent(other), None, other, by="agent:eve")
    assert blobs.used("red") == 2 * MIB


async def test_what_waits_for_another_group_stays(contents: Contents, blobs: Blobs) -> None:
    with pytest.raises(BrokeOffError):
        await put(contents, sent(CONTENT[:MIB], breaks_off=True))
    digest = f"sha256:{sha256(CONTENT).hexdigest()}"
    taken = blobs.begin("blue", digest, 2 * MIB, NOW)
    large = os.urandom(3 * MIB)
    with pytest.raises(OverQuotaError):
        await put(contents, sent(large), None, large, group="blue")
    taken.abandon()
    assert await put(contents, sent(CONTENT[MIB:]), MIB)


async def test_a_full_disk_wants_the_room_of_all_that_wait(
    contents: Contents, blobs: Blobs, monkeypatch: pytest.MonkeyPatch
) -> None:
    with pytest.raises(BrokeOffError):
        await put(contents, sent(CONTENT[:MIB], breaks_off=True))

    def full(*_: object) -> None:
        if blobs.used("red"):
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr(blobs, "_require_room", full)
    other = os.urandom(2 * MIB)
    assert await put(contents, sent(other), None, other, group="blue")
    assert (blobs.used("red"), blobs.used("blue")) == (0, 2 * MIB)
