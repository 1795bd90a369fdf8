"""A stream under a passphrase: scrypt makes the key, AES-256-GCM seals chunk by chunk (ADR-0026).

Each chunk's nonce is its number and whether it is the last, and the head is authenticated with
each, so that nothing can be changed, left out, moved or cut off at the end without being found.
"""

from __future__ import annotations

import os
from typing import BinaryIO, Final

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.kdf.scrypt import Scrypt

from fleet.contract.errors import ConfigError

MAGIC: Final = b"fleet home, sealed 1\n"
CHUNK: Final = 65_536
"""Bytes sealed at a time."""

_SALT: Final = 16
_TAG: Final = 16
_COST: Final = {"n": 2**17, "r": 8, "p": 1}
"""128 MiB and some 0.3 s for each try at a passphrase."""


class SealedError(ConfigError):
    """The passphrase is not this file's, or the file was changed or cut."""


def _cipher(passphrase: str, head: bytes) -> AESGCM:
    salt = head[len(MAGIC) :]
    return AESGCM(Scrypt(salt=salt, length=32, **_COST).derive(passphrase.encode()))


def _nonce(number: int, *, last: bool) -> bytes:
    return number.to_bytes(11, "big") + bytes([last])


class Sealing:
    """Writes to `target` what is written to it; `close` seals the end and leaves `target` open."""

    def __init__(self, target: BinaryIO, passphrase: str) -> None:
        self._target = target
        self._head = MAGIC + os.urandom(_SALT)
        self._cipher = _cipher(passphrase, self._head)
        self._held = bytearray()
        self._number = 0
        target.write(self._head)

    def write(self, content: bytes) -> int:
        self._held += content
        while len(self._held) > CHUNK:  # the last chunk is known only at the end
            self._seal(bytes(self._held[:CHUNK]), last=False)
            del self._held[:CHUNK]
        return len(content)

    def close(self) -> None:
        self._seal(bytes(self._held), last=True)

    def _seal(self, chunk: bytes, *, last: bool) -> None:
        nonce = _nonce(self._number, last=last)
        self._target.write(self._cipher.encrypt(nonce, chunk, self._head))
        self._number += 1


class Opening:
    """Reads what was sealed; no byte of it is given before it is proven."""

    def __init__(self, source: BinaryIO, passphrase: str) -> None:
        """
        Raises:
            SealedError: it is too short to be one.
        """
        self._source = source
        head = source.read(len(MAGIC) + _SALT)
        if len(head) < len(MAGIC) + _SALT:
            raise _cut()
        self._head = head
        self._cipher = _cipher(passphrase, head)
        self._next = source.read(CHUNK + _TAG)
        self._held = b""
        self._number = 0
        self._ended = False

    def read(self, size: int) -> bytes:
        """Up to `size` bytes; none: the end, which was sealed as such.

        Raises:
            SealedError: the passphrase is another, or the file was changed or cut.
        """
        while len(self._held) < size and not self._ended:
            chunk, self._next = self._next, self._source.read(CHUNK + _TAG)
            last = not self._next
            try:
                nonce = _nonce(self._number, last=last)
                self._held += self._cipher.decrypt(nonce, chunk, self._head)
            except InvalidTag:
                raise (_cut() if self._number else _wrong()) from None
            self._number += 1
            self._ended = last
        given, self._held = self._held[:size], self._held[size:]
        return given


def _wrong() -> SealedError:
    return SealedError(
        "the file does not open", "another passphrase, or it was changed", "the passphrase again"
    )


def _cut() -> SealedError:
    return SealedError(
        "the file is not whole", "it was changed or cut after it was made", "take another copy"
    )
