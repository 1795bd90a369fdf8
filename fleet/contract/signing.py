"""What a signature of the hub covers, and how it is checked (Ed25519).

The signed bytes open with a domain word and hold the whole topic, so a signature for one agent,
bus or purpose is worthless for another. What signs and checks is loaded when a key is first used: a
sidecar that is not enrolled never pays for it.
"""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Mapping
from functools import cache
from typing import TYPE_CHECKING, Any, Final

from fleet.contract import libcrypto

if TYPE_CHECKING:
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

SIGNED_COMMAND: Final = ("verb", "id", "ts", "ttl")
SIGNED_NOTICE: Final = ("notice", "id", "ts")
SIGNED_TASK: Final = ("epoch", "id", "ts", "ttl")
SIGNED_RECEIPT: Final = ("boot", "seq")
SIGNED_LEASE: Final = ("pair", "role", "epoch", "ttl", "ts")
"""The fields under a signature, in order; each is required where signing is on."""

_SIGNED: Final = (SIGNED_NOTICE, SIGNED_COMMAND, SIGNED_LEASE, SIGNED_TASK, SIGNED_RECEIPT)
"""What a message is, is told by the first field of these that it has: it names the domain too."""

FOR_SESSION: Final = ("boot", "seq")
"""Signed too where a command or lease has it: the one session of the sidecar that it is for, and
the message of that session which a lease answers."""


def canonical(topic: str, message: Mapping[str, Any]) -> bytes:
    """The bytes that are signed for `message` on `topic`.

    No signed field can hold a newline, so joining by newline is unambiguous.

    Raises:
        ValueError: a field that must be signed is absent.
    """
    names = signed = _signed_fields(message)
    if names in (SIGNED_COMMAND, SIGNED_LEASE):
        signed = (*names, *(name for name in FOR_SESSION if name in message))
    missing = [name for name in signed if message.get(name) is None]
    if missing:
        raise ValueError(f"cannot be signed without {', '.join(missing)}")
    domain = f"fleet-{names[0]}-v1"  # of a receipt fleet-boot-v1: its number alone makes it new
    return "\n".join((domain, topic, *(str(message[name]) for name in signed))).encode()


def _signed_fields(message: Mapping[str, Any]) -> tuple[str, ...]:
    return next((fields for fields in _SIGNED if fields[0] in message), SIGNED_COMMAND)


def key_id(public_key: bytes) -> str:
    """The name of a raw 32-byte public key."""
    return hashlib.sha256(public_key).hexdigest()[:16]


def sign(key: Ed25519PrivateKey, topic: str, message: Mapping[str, Any]) -> dict[str, Any]:
    """`message` with `sig` and `kid`."""
    from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

    signature = key.sign(canonical(topic, message))
    public = key.public_key().public_bytes(Encoding.Raw, PublicFormat.Raw)
    text = base64.urlsafe_b64encode(signature).rstrip(b"=").decode()
    return {**message, "sig": text, "kid": key_id(public)}


def is_by_one_of(keys: Mapping[str, bytes], topic: str, message: Mapping[str, Any]) -> bool:
    """Whether one of `keys`, raw public keys by id, signed `message` for `topic`."""
    key = keys.get(message.get("kid", ""))
    return key is not None and verify(key, topic, message)


def verify(public_key: bytes, topic: str, message: Mapping[str, Any]) -> bool:
    """Whether `message`'s signature is by `public_key` (raw, 32 bytes) and for `topic`."""
    try:
        signature = base64.b64decode(f"{message['sig']}==", altchars=b"-_", validate=True)
        signed = canonical(topic, message)
    except (KeyError, ValueError):
        return False
    return _check()(public_key, signature, signed)


@cache
def _check() -> libcrypto.Check:
    return libcrypto.ed25519() or _by_cryptography


def _by_cryptography(public_key: bytes, signature: bytes, text: bytes) -> bool:
    from cryptography.exceptions import InvalidSignature
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

    try:
        Ed25519PublicKey.from_public_bytes(public_key).verify(signature, text)
    except (InvalidSignature, ValueError):
        return False
    return True
