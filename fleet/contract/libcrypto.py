"""Ed25519 signatures checked by the OpenSSL that is on this machine anyway, through the C library.

`cryptography` brings an OpenSSL of its own, which costs a sidecar 8 MiB as soon as the first signed
message comes; this one costs 3.5, and nothing where TLS has it in memory already (ADR-0046). Only a
library that takes the example of RFC 8032, and refuses it changed, is used.
"""

from __future__ import annotations

import sys
from collections.abc import Callable
from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    import ctypes

Check = Callable[[bytes, bytes, bytes], bool]
"""Whether the public key (raw, 32 bytes) made this signature of this text."""

NAMES: Final = ("libcrypto.so.3", "libcrypto.so.1.1")
"""As Linux names it, OpenSSL 3 and 1.1.1. Elsewhere it may not be loaded like this at all."""

_ED25519: Final = 1087  # NID_ED25519
_KEY, _SIGNATURE = 32, 64

EXAMPLE: Final = tuple(
    map(
        bytes.fromhex,
        (
            "3d4017c3e843895a92b70aa74d1b7ebc9c982ccf2ec4968cc0cd55f12af4660c",
            "92a009a9f0d4cab8720e820b5f642540a2b27b5416503f8fb3762223ebdb69da"
            "085ac1e43e15996e458f3613d0f11d8c387b2eaeb4302aeeb00d291612bb0c00",
            "72",
        ),
    )
)
"""Key, signature and text: the second example of RFC 8032, 7.1."""


def ed25519() -> Check | None:
    """How to check a signature; None where there is no library that can."""
    if sys.platform != "linux":
        return None
    import ctypes

    for name in NAMES:
        try:
            check = _of(ctypes.CDLL(name))
        except (OSError, AttributeError):
            continue
        if _is_right(check):
            return check
    return None


def _is_right(check: Check) -> bool:
    key, signature, text = EXAMPLE
    changed = bytes((signature[0] ^ 1,)) + signature[1:]
    return check(key, signature, text) and not (
        check(key, changed, text) or check(key, signature, text + b"r")
    )


def _of(library: ctypes.CDLL) -> Check:
    """
    Raises:
        AttributeError: the library is too old for this.
    """
    from ctypes import c_char_p, c_int, c_size_t, c_void_p

    def function(name: str, result: Any, *arguments: Any) -> Any:
        found = getattr(library, name)
        found.restype, found.argtypes = result, arguments
        return found

    new_key = function("EVP_PKEY_new_raw_public_key", c_void_p, c_int, c_void_p, c_char_p, c_size_t)
    free_key = function("EVP_PKEY_free", None, c_void_p)
    new_context = function("EVP_MD_CTX_new", c_void_p)
    free_context = function("EVP_MD_CTX_free", None, c_void_p)
    begin = function("EVP_DigestVerifyInit", c_int, *(c_void_p,) * 5)
    verify = function("EVP_DigestVerify", c_int, c_void_p, c_char_p, c_size_t, c_char_p, c_size_t)
    forget_errors = function("ERR_clear_error", None)

    def check(public_key: bytes, signature: bytes, text: bytes) -> bool:
        if len(public_key) != _KEY or len(signature) != _SIGNATURE:
            return False
        key, context = new_key(_ED25519, None, public_key, _KEY), new_context()
        try:
            return (
                bool(key and context)
                and begin(context, None, None, None, key) == 1
                and verify(context, signature, _SIGNATURE, text, len(text)) == 1
            )
        finally:
            free_context(context)
            free_key(key)
            forget_errors()  # TLS in this thread would take them for its own

    return check
