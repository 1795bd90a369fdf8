"""Content to and from a hub as the command line moves it: streamed, and held against its digest."""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import BinaryIO, Final
from urllib.parse import urlencode

from fleet.contract import trusted_path
from fleet.contract.errors import ConfigError
from fleet.contract.work_vocabulary import MediaType
from fleet.domain.work.task import Descriptor
from fleet.hub_client import HubClient, HubError

BLOCK: Final = 256 * 1024

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
    headers = {"Content-Length": str(one.size), "Content-Type": "application/octet-stream"}
    try:
        stream = path.open("rb")
    except OSError as error:
        raise ConfigError(f"{path} cannot be read", error.strerror or "", f"ls -l {path}") from None
    with stream:
        try:
            with hub.opened("PUT", address, _blocks(stream, one.size, moved), headers) as answer:
                answer.read(BLOCK)
        except HubError as error:
            if "reset" in error.why.lower() or "pipe" in error.why.lower():
                why = f"it closed the connection while {one.size} bytes were sent"
                remedy = "blob_mb under [work] in its fleet.toml, if that is more than it takes"
                raise HubError(f"the hub did not take {path}", why, remedy) from None
            raise


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
