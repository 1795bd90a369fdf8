"""Keyed digests in the place of what was found, and their key in the home."""

from __future__ import annotations

import hashlib
import hmac
import secrets
from pathlib import Path
from typing import Final

from fleet.own_key import own_key

DIGEST_LENGTH: Final = 16
"""Hex characters: 64 bits tell a fleet's leaks apart, and say nothing without the key."""

KEY_FILE: Final = "audit-digest.key"


class Digester:
    """Keyed digests. Without the key a short value (a name, a PIN) cannot be guessed back."""

    def __init__(self, key: bytes) -> None:
        self._key = key

    @classmethod
    def of_home(cls, home: Path) -> Digester:
        """With the home's own key, so that a value is known again next week.

        Where there is no home, with a key that lives as long as this process.

        Raises:
            ConfigError: the key file is open to others, cannot be read, or holds no whole key: one
                that was cut to a few characters could be guessed, and the values with it.
        """
        if not home.is_dir():
            return cls(secrets.token_bytes(32))
        return cls(own_key(home / KEY_FILE, what="the digest key", without="digests begin anew"))

    def __call__(self, text: str) -> str:
        data = text.encode("utf-8", "surrogatepass")
        return hmac.new(self._key, data, hashlib.sha256).hexdigest()[:DIGEST_LENGTH]
