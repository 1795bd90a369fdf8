"""Content to and from a hub as the command line moves it: streamed, and held against its digest."""

from __future__ import annotations

import hashlib
import json
import os
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import BinaryIO, Final
from urllib.parse import urlencode

from fleet.contract import trusted_path
from fleet.contract.backoff import Backoff
from fleet.contract.errors import ConfigError
from fleet.contract.work_vocabulary import MediaType
from fleet.domain.work.task import Descriptor
from fleet.hub_client import AwayError, BusyError, HubClient, HubError

BLOCK: Final = 256 * 1024

RESUMED: Final = 1024 * 1024
"""Bytes from which on a file goes on where its link broke: what is smaller is sent anew."""

AWAY: Final = 60.0
"""Seconds that a file waits for a hub that is away, counted anew from each break of its link."""

TRIES: Final = 4
"""Tries in a row that a hub which answers takes nothing more of a file."""

PAUSES: Final = (0.2, 5.0)
"""Seconds before the next try: the first, and at most."""

Moved = Callable[[int], None]
"""Told how many more bytes have been moved."""

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
        with path.open("rb") as stream:
            if not path.is_file():
                raise ConfigError(f"{path} cannot be sent", "it is no plain file", "name a file")
            digest = hashlib.file_digest(stream, "sha256")
            size = stream.tell()
    except OSError as error:
        raise ConfigError(f"{path} cannot be read", error.strerror or "", f"ls -l {path}") from None
    kind = MEDIA_TYPES.get(path.suffix.lower(), MediaType.BYTES)
    return Descriptor(f"sha256:{digest.hexdigest()}", size, kind)


def upload(
    hub: HubClient, path: Path, one: Descriptor, query: dict[str, str], moved: Moved
) -> None:
    """Store a file's content for a context, which `query` names.

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
        sent = _Sent(hub, address, stream, one.size, moved)
        try:
            sent.once() if one.size < RESUMED else sent.until_whole()
        except AwayError as error:
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
        self, hub: HubClient, address: str, stream: BinaryIO, size: int, moved: Moved
    ) -> None:
        self._hub = hub
        self._address = address
        self._stream = stream
        self._size = size
        self._moved = moved
        self._told = 0
        self.there = self.most = -1

    def until_whole(self) -> None:
        """Send it, and where the link breaks go on from what has come: the hub keeps that for 10
        minutes, for the next start of this command, too.

        How long a link held says nothing of the next: that a hub is away is counted from the last
        break on, and that it takes no more by tries, up to one that brought something.

        Raises:
            AwayError: the hub is away for too long, or no more of it comes.
        """
        backoff, idle = Backoff(*PAUSES), 0
        end = time.monotonic() + AWAY
        failure: HubError | None = None
        while True:
            try:
                begin = self._offset()
            except (AwayError, BusyError) as error:
                failure = error
            else:
                idle = 0 if begin > self.there else idle + 1
                self.there, self.most = begin, max(begin, self.most)
                if failure and idle >= TRIES:
                    raise failure
                try:
                    return self.once(begin)
                except HubError as error:
                    if not isinstance(error, AwayError | BusyError) and error.offset is None:
                        raise
                    failure = error  # or, with an offset: the end of what broke came meanwhile
                end = time.monotonic() + AWAY
            asked = failure.seconds if isinstance(failure, BusyError) else 0.0
            pause = backoff.failed(time.monotonic(), asked)
            if time.monotonic() + pause > end:
                raise failure
            time.sleep(pause)

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
        with self._hub.opened("PUT", self._address, blocks, headers) as answer:
            answer.read(BLOCK)

    def _show(self, more: int) -> None:
        self._told += more
        self._moved(more)

    def _offset(self) -> int:
        """From which byte on the hub wants it."""
        headers = {"Content-Length": "0", "Content-Range": f"bytes */{self._size}"}
        try:
            with self._hub.opened("PUT", self._address, b"", headers) as answer:
                answer.read(BLOCK)
        except HubError as error:
            if error.offset is None or error.offset >= self._size:
                raise
            return error.offset
        return 0


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
