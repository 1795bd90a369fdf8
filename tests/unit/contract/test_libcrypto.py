"""Both ways to check a signature say the same of every key, signature and text."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from hypothesis import given, settings
from hypothesis import strategies as st

from fleet.contract import libcrypto, signing

SECRETS = st.binary(min_size=32, max_size=32)
_found = libcrypto.ed25519()

needs_library = pytest.mark.skipif(_found is None, reason="no OpenSSL that can be loaded here")


def both(key: bytes, signature: bytes, text: bytes) -> bool:
    assert _found is not None
    said = _found(key, signature, text)
    assert said is signing._by_cryptography(key, signature, text)
    return said


@needs_library
@settings(max_examples=60, deadline=None)
@given(secret=SECRETS, text=st.binary(max_size=300), at=st.integers(0, 63), bit=st.integers(0, 7))
def test_a_signature_counts_until_a_bit_of_it_changes(
    secret: bytes, text: bytes, at: int, bit: int
) -> None:
    private = Ed25519PrivateKey.from_private_bytes(secret)
    key, signature = private.public_key().public_bytes_raw(), private.sign(text)
    assert both(key, signature, text)
    changed = bytearray(signature)
    changed[at] ^= 1 << bit
    assert not both(key, bytes(changed), text)
    assert not both(key, signature, text + b"\0")
    other = bytearray(key)
    other[at // 2] ^= 1 << bit
    both(bytes(other), signature, text)


@needs_library
@pytest.mark.parametrize("key", [b"", b"\0" * 31, b"\0" * 32, b"\1" + b"\0" * 31, b"\xff" * 32])
@pytest.mark.parametrize("signature", [b"", b"\0" * 63, b"\0" * 64, b"\xff" * 64, b"\0" * 65])
def test_strange_keys_and_signatures_are_judged_alike(key: bytes, signature: bytes) -> None:
    both(key, signature, b"text")


@needs_library
def test_a_refusal_leaves_no_error_behind_for_tls() -> None:
    import ctypes

    assert _found is not None
    key, _, text = libcrypto.EXAMPLE
    assert not _found(key, b"\0" * 64, text)
    library = ctypes.CDLL(next(name for name in libcrypto.NAMES if _loads(name)))
    library.ERR_peek_error.restype = ctypes.c_ulong
    assert library.ERR_peek_error() == 0


def _loads(name: str) -> bool:
    import ctypes

    try:
        ctypes.CDLL(name)
    except OSError:
        return False
    return True


def test_a_library_that_is_away_too_old_or_wrong_is_not_used(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr(sys, "platform", "linux")
    (tmp_path / "broken.so").write_bytes(b"no library")
    monkeypatch.setattr(libcrypto, "NAMES", ("libcrypto.so.0", str(tmp_path / "broken.so")))
    assert libcrypto.ed25519() is None
    monkeypatch.setattr(libcrypto, "NAMES", ("libc.so.6", "libm.so.6"))
    assert libcrypto.ed25519() is None
    assert not libcrypto._is_right(lambda *_: True)
    assert not libcrypto._is_right(lambda *_: False)


@pytest.mark.parametrize("platform", ["darwin", "win32"])
def test_elsewhere_it_is_not_looked_for(monkeypatch: pytest.MonkeyPatch, platform: str) -> None:
    monkeypatch.setattr(sys, "platform", platform)
    monkeypatch.setitem(sys.modules, "ctypes", None)
    assert libcrypto.ed25519() is None
