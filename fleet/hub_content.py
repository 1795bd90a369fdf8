"""Content to and from a hub as the command line moves it: streamed, and held against its digest."""

from __future__ import annotations

import hashlib
import json
import os
import stat
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import BinaryIO, Final, TypeVar
from urllib.parse import urlencode

from fleet.contract import trusted_path
from fleet.contract.backoff import Backoff
from fleet.contract.errors import ConfigError
from fleet.contract.work_vocabulary import MediaType
from fleet.domain.work.task import Descriptor
from fleet.hub_client import AwayError, BusyError, HubClient, HubError, UnavailableError

BLOCK: Final = 256 * 1024

RESUMED: Final = 1024 * 1024
"""Bytes from which on a hub is asked first how much of a file it has."""

AWAY: Final = 60.0
"""Seconds that a file waits for a hub that is away, counted anew from each break of its link."""

TRIES: Final = 4
"""Tries in a row that a hub which answers takes nothing more of a file."""

PAUSES: Final = (0.2, 5.0)
"""Seconds before the next try: the first, and at most."""

Moved = Callable[[int], None]
"""Told how many more bytes have been moved."""

Reach = Callable[[], HubClient]
"""Finds the hub, for each request anew: one that was started again left another token at home."""

Told = Callable[[str], None]
"""Told that something is tried again, and why."""

AGAIN: Final = (AwayError, BusyError, UnavailableError)
"""After which the same may be asked again."""

T = TypeVar("T")

MEDIA_TYPES: Final = {
    ".txt": MediaType.TEXT, ".md": MediaType.MARKDOWN, ".csv": MediaType.CSV,
    ".py": MediaType.PYTHON, ".json": MediaType.JSON, ".pdf": MediaType.PDF,
    ".zip": MediaType.ZIP, ".gz": MediaType.GZIP, ".tar": MediaType.TAR, ".png": MediaType.PNG,
    ".jpg": MediaType.JPEG, ".jpeg": MediaType.JPEG, ".webp": MediaType.WEBP,
}  # fmt: skip
SUFFIXES: Final = {kind: suffix for suffix, kind in reversed(MEDIA_TYPES.items())}


def describe(path: Path) -> Descriptor:
    """What a file is: digest, size, and a media type by its name's end.

    Raises:
        ConfigError: it cannot be read, or is no plain file.
    """
    try:
        if not stat.S_ISREG(path.stat().st_mode):  # to open a pipe would wait for its other end
            raise ConfigError(f"{path} cannot be sent", "it is no plain file", "name a file")
        with path.open("rb") as stream:
            digest = hashlib.file_digest(stream, "sha256")
            size = stream.tell()
    except OSError as error:
        raise ConfigError(f"{path} cannot be read", error.strerror or "", f"ls -l {path}") from None
    kind = MEDIA_TYPES.get(path.suffix.lower(), MediaType.BYTES)
    return Descriptor(f"sha256:{digest.hexdigest()}", size, kind)


def upload(
    reach: Reach, path: Path, one: Descriptor, query: dict[str, str], moved: Moved, told: Told
) -> None:
    """Store a file's content for a context, which `query` names. Where the link breaks, it goes on
    when the hub is back: what has come waits there for 10 minutes.

    Raises:
        HubError: the hub is away, or does not take it.
        ConfigError: the file cannot be read.
    """
    address = f"/v1/blobs/{one.digest}?{urlencode(query)}"
    try:
        stream = path.open("rb")
    except OSError as error:
        raise ConfigError(f"{path} cannot be read", error.strerror or "", f"ls -l {path}") from None
    with stream:
        sent = _Sent(reach, address, stream, one.size, moved)
        try:
            sent.until_whole(lambda why: told(f"{path}: {why}"))
        except (AwayError, UnavailableError) as error:
            if sent.most > 0:
                what = f"{path} came in part, {sent.there} of {one.size} bytes"
                remedy = "the same again within 10 minutes: it goes on from there"
                raise HubError(what, f"{error.what}: {error.why}", remedy) from None
            if any(word in error.why.lower() for word in ("reset", "pipe", "closed")):
                why = f"it closed the connection while {one.size} bytes were sent"
                remedy = "blob_mb under [work] in its fleet.toml, if that is more than it takes"
                raise HubError(f"the hub did not take {path}", why, remedy) from None
            raise


class _Sent:
    """A file on its way. `told` bytes were shown to be there.

    Attributes:
        there: bytes that the hub said it has; -1: it was not asked yet. most: of all it said.
    """

    def __init__(
        self, reach: Reach, address: str, stream: BinaryIO, size: int, moved: Moved
    ) -> None:
        self._reach = reach
        self._address = address
        self._stream = stream
        self._size = size
        self._moved = moved
        self._told = 0
        self.there = self.most = -1

    def until_whole(self, told: Told) -> None:
        """Send it, and where the link breaks go on from what has come: the hub keeps that for 10
        minutes, for the next start of this command, too.

        How long a link held says nothing of the next: that a hub is away is counted from the last
        break on, and that it takes no more by tries, up to one that brought something. One that
        was not reached at all is not waited for.

        Raises:
            AwayError, UnavailableError: the hub is away for too long, or no more of it comes.
        """
        if not self._size:
            return self.once()
        backoff, idle, said = Backoff(*PAUSES), 0, ""
        end = time.monotonic() + AWAY
        failure: HubError | None = None
        while True:
            try:
                begin = self._offset() if self._asks or failure else None
            except AGAIN as error:
                failure = error
            else:
                if begin is not None:
                    idle = 0 if begin > self.there else idle + 1
                    self.there, self.most = begin, max(begin, self.most)
                if failure and idle >= TRIES:
                    raise failure
                try:
                    return self.once(begin)
                except HubError as error:
                    if not isinstance(error, AGAIN) and error.offset is None:
                        raise
                    failure = error  # or, with an offset: the end of what broke came meanwhile
                end = time.monotonic() + AWAY
            if not self._met and not isinstance(failure, BusyError):
                raise failure
            asked = failure.seconds if isinstance(failure, BusyError) else 0.0
            pause = backoff.failed(time.monotonic(), asked)
            if time.monotonic() + pause > end:
                raise failure
            if failure.why != said:
                said = failure.why
                told(f"{said}; it goes on by itself, for up to {AWAY:.0f} s")
            time.sleep(pause)

    @property
    def _asks(self) -> bool:
        """Whether the hub is asked first: to send little anew costs less."""
        return self._size >= RESUMED

    @property
    def _met(self) -> bool:
        """Whether there was a link to the hub."""
        return self._told > 0 or self.there >= 0

    def once(self, begin: int | None = None) -> None:
        """Send it, from `begin` on: then the hub keeps what has come if the link breaks."""
        at = begin or 0
        headers = {
            "Content-Length": str(self._size - at),
            "Content-Type": "application/octet-stream",
        }
        if begin is not None:
            headers["Content-Range"] = f"bytes {at}-{self._size - 1}/{self._size}"
        self._stream.seek(at)
        self._show(at - self._told)
        blocks = _blocks(self._stream, self._size - at, self._show)
        with self._reach().opened("PUT", self._address, blocks, headers) as answer:
            answer.read(BLOCK)

    def _show(self, more: int) -> None:
        self._told += more
        self._moved(more)

    def _offset(self) -> int:
        """From which byte on the hub wants it."""
        headers = {"Content-Length": "0", "Content-Range": f"bytes */{self._size}"}
        try:
            with self._reach().opened("PUT", self._address, b"", headers) as answer:
                answer.read(BLOCK)
        except HubError as error:
            if error.offset is None or error.offset >= self._size:
                raise
            return error.offset
        return 0


def insisted(ask: Callable[[], T], told: Told) -> T:
    """What `ask` answers, asked again while the hub is away: for what is the same when it is asked
    twice, and belongs to content that has come.

    Raises:
        HubError: the hub is away for too long, or refuses.
    """
    backoff, said = Backoff(*PAUSES), ""
    end = time.monotonic() + AWAY
    while True:
        try:
            return ask()
        except (AwayError, UnavailableError) as error:
            pause = backoff.failed(time.monotonic())
            if time.monotonic() + pause > end:
                raise
            if error.why != said:
                said = error.why
                told(f"{said}; asked again, for up to {AWAY:.0f} s")
        time.sleep(pause)


def upload_bytes(
    hub: HubClient, content: bytes, kind: MediaType, query: dict[str, str]
) -> Descriptor:
    """Store a content that is at hand for a context, which `query` names; what names it.

    Raises:
        HubError: the hub is away, or does not take it.
    """
    digest = f"sha256:{hashlib.sha256(content).hexdigest()}"
    headers = {"Content-Type": "application/octet-stream"}
    with hub.opened("PUT", f"/v1/blobs/{digest}?{urlencode(query)}", content, headers) as answer:
        answer.read(BLOCK)
    return Descriptor(digest, len(content), kind)


def _blocks(stream: BinaryIO, size: int, moved: Moved) -> Iterator[bytes]:
    """As many bytes as were counted before, whatever has been added since."""
    while size and (block := stream.read(min(BLOCK, size))):
        yield block
        size -= len(block)
        moved(len(block))


def download(hub: HubClient, one: Descriptor, context: str, target: BinaryIO, moved: Moved) -> None:
    """Write a content to `target`, and have it be what its digest says.

    Raises:
        HubError: the hub is away, does not give it, or gave something else.
        ConfigError: it cannot be written.
    """
    digest = hashlib.sha256()
    address = f"/v1/blobs/{one.digest}?{urlencode({'context': context})}"
    with hub.opened("GET", address) as answer:
        while block := answer.read(BLOCK):
            digest.update(block)
            _write(target, block)
            moved(len(block))
    if f"sha256:{digest.hexdigest()}" != one.digest:
        why = "it was damaged on its way, or on the hub's disk"
        raise HubError(f"{one.digest} did not come whole", why, "the same again")


def _write(target: BinaryIO, block: bytes) -> None:
    try:
        target.write(block)
    except BrokenPipeError:
        raise
    except OSError as error:
        raise ConfigError("the content cannot be written", error.strerror or "", "df -h") from None


def save(hub: HubClient, one: Descriptor, context: str, path: Path, moved: Moved) -> None:
    """The same into a new file (0600), which is not there unless it is whole.

    Raises:
        ConfigError: there is such a file, or it cannot be written.
    """
    try:
        trusted_path.make_folder(path.parent)
        handle = trusted_path.open_file(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL)
    except FileExistsError:
        raise ConfigError(f"{path} is there already", "", "take another name") from None
    except OSError as error:
        raise ConfigError(f"{path} cannot be written", error.strerror or "", "df -h") from None
    try:
        with os.fdopen(handle, "wb") as stream:
            download(hub, one, context, stream, moved)
    except BaseException:
        path.unlink(missing_ok=True)
        raise


def put_entry(
    hub: HubClient, address: str, one: Descriptor, condition: dict[str, str]
) -> dict[str, object]:
    """Put the next version on a board.

    Raises:
        HubError: the hub is away or refuses.
    """
    body = {"digest": one.digest, "size": one.size, "media_type": one.media_type.value}
    headers = {"Content-Type": "application/json", **condition}
    data = json.dumps({"descriptor": body}).encode()
    with hub.opened("PUT", address, data, headers) as answer:
        text = answer.read(BLOCK)
    with hub.reading():
        found: dict[str, object] = json.loads(text)
        return found
