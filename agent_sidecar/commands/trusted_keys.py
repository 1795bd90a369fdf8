"""The hub's public keys: where they are configured, a command must be signed by one of them."""

from __future__ import annotations

import base64
import binascii
from pathlib import Path

from fleet.contract import trusted_path
from fleet.contract.errors import ConfigError
from fleet.contract.signing import key_id

TrustedKeys = dict[str, bytes]
"""Raw Ed25519 public keys (32 bytes) by key id; empty: signing is off."""


def load(path: Path | None) -> TrustedKeys:
    """The keys in `path`: one a line, 64 hex digits, base64, or PEM; `#` starts a comment.

    Raises:
        ConfigError: the file cannot be read, holds no key, or the library that checks
            signatures is not installed. Never an empty result for a configured file.
    """
    if path is None:
        return {}
    try:
        lines = trusted_path.read_text(path).splitlines()
    except (OSError, UnicodeDecodeError) as error:
        why = getattr(error, "strerror", None) or "not text"
        raise ConfigError(f"the key file {path} cannot be read", why, f"ls -l {path}") from None
    keys: TrustedKeys = {}
    for number, line in enumerate(lines, 1):
        word = line.partition("#")[0].strip()
        if not word or word.startswith("-----"):
            continue
        key = _key(word)
        if key is None:
            raise ConfigError(
                f"line {number} of {path} is no public key",
                "neither 64 hex digits nor base64 of 32 bytes",
                f"copy the hub's public key again into {path}",
            )
        keys[key_id(key)] = key
    if not keys:
        raise ConfigError(f"{path} holds no key", "", f"copy the hub's public key into {path}")
    _need_library()
    return keys


def _key(word: str) -> bytes | None:
    try:
        if len(word) == 64:
            return bytes.fromhex(word)
        padded = word.rstrip("=") + "=" * (-len(word.rstrip("=")) % 4)
        raw = base64.b64decode(padded, altchars=b"-_" if set("-_") & set(word) else None)
    except (ValueError, binascii.Error):
        return None
    if len(raw) == 44:  # PEM: 12 bytes say that it is Ed25519, then the key
        return raw[12:]
    return raw if len(raw) == 32 else None


def _need_library() -> None:
    from importlib.util import find_spec

    if find_spec("cryptography") is None:
        raise ConfigError(
            "commands are signed here but signatures cannot be checked",
            "the package cryptography is not installed",
            "pip install 'fleet-control-plane[signing]'",
        )
