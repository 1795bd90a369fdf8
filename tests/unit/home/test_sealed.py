"""A sealed stream: whole and by its passphrase, or not at all."""

from __future__ import annotations

import io
import os

import pytest

from fleet.home import sealed
from fleet.home.sealed import CHUNK, MAGIC, Opening, SealedError, Sealing

PASSPHRASE = "correct horse"  # noqa: S105 - of a test


@pytest.fixture(autouse=True)
def cheap(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sealed, "_COST", {"n": 2, "r": 8, "p": 1})


def seal(content: bytes) -> bytes:
    target = io.BytesIO()
    sealing = Sealing(target, PASSPHRASE)
    for at in range(0, len(content), 10_000):
        sealing.write(content[at : at + 10_000])
    sealing.close()
    return target.getvalue()


def unseal(content: bytes, passphrase: str = PASSPHRASE) -> bytes:
    opening = Opening(io.BytesIO(content), passphrase)
    parts = []
    while part := opening.read(7_777):
        parts.append(part)
    return b"".join(parts)


@pytest.mark.parametrize("size", [0, 1, CHUNK - 1, CHUNK, CHUNK + 1, 3 * CHUNK])
def test_what_was_sealed_opens(size: int) -> None:
    content = os.urandom(size)
    assert unseal(seal(content)) == content


def test_another_passphrase_opens_nothing() -> None:
    with pytest.raises(SealedError, match="another passphrase"):
        unseal(seal(b"secret"), "battery staple")


def test_a_changed_byte_anywhere_is_found() -> None:
    whole = seal(bytes(2 * CHUNK))
    places = [len(MAGIC), len(MAGIC) + 16, CHUNK, CHUNK + 100, len(whole) - 1]
    for place in places:
        changed = bytearray(whole)
        changed[place] ^= 1
        with pytest.raises(SealedError):
            unseal(bytes(changed))


def test_an_end_that_was_cut_or_added_is_found() -> None:
    whole = seal(bytes(3 * CHUNK))
    sealed_chunk = CHUNK + 16
    head = len(MAGIC) + 16
    for end in (head - 1, head, head + sealed_chunk, head + 2 * sealed_chunk, len(whole) - 1):
        with pytest.raises(SealedError):
            unseal(whole[:end])
    with pytest.raises(SealedError):
        unseal(whole + b"more")


def test_chunks_cannot_change_places() -> None:
    whole = seal(os.urandom(3 * CHUNK))
    head, step = len(MAGIC) + 16, CHUNK + 16
    first, second = whole[head : head + step], whole[head + step : head + 2 * step]
    with pytest.raises(SealedError):
        unseal(whole[:head] + second + first + whole[head + 2 * step :])
