"""A finding: where and what kind, with a keyed digest in place of the value."""

from __future__ import annotations

import hashlib
import hmac
import secrets
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from fleet.auditor.rules.rule import Rule
from fleet.contract.secret_file import read_secret, write_secret

DIGEST_LENGTH: Final = 16
"""Hex characters: 64 bits tell a fleet's leaks apart, and say nothing without the key."""

KEY_FILE: Final = "audit-digest.key"


@dataclass(frozen=True, slots=True)
class Finding:
    """One breach of one rule by one message.

    Attributes:
        line: of the capture, from 1; 0 for what no single line shows.
        topic: with `*` in place of what may itself be a leak.
        field: path of the contract's own names, `*` for a foreign one; `topic` for the topic.
        length: code points that matched; 0 where the message as a whole is meant.
        digest: HMAC of what matched: equal values are seen to be equal, and no more.
        agent: whose topic it is; empty where unknown or itself a leak.
        at: seconds since the epoch; None if the capture did not say.
    """

    line: int
    topic: str
    rule: Rule
    field: str
    length: int
    digest: str
    agent: str = ""
    at: float | None = None
    suppressed: str = ""

    def as_dict(self) -> dict[str, Any]:
        return {
            "line": self.line,
            "topic": self.topic,
            "rule": self.rule.id,
            "clause": self.rule.clause.value,
            "severity": self.rule.severity.value,
            "field": self.field,
            "length": self.length,
            "digest": self.digest,
        }


class Digester:
    """Keyed digests. Without the key a short value (a name, a PIN) cannot be guessed back."""

    def __init__(self, key: bytes) -> None:
        self._key = key

    @classmethod
    def of_home(cls, home: Path) -> Digester:
        """With the home's own key, so that a value is known again next week.

        Where there is no home, with a key that lives as long as this process.

        Raises:
            ConfigError: the key file is open to others or cannot be read.
        """
        if not home.is_dir():
            return cls(secrets.token_bytes(32))
        path = home / KEY_FILE
        if not path.exists():
            write_secret(path, secrets.token_hex(32))
        return cls(read_secret(path).encode())

    def __call__(self, text: str) -> str:
        data = text.encode("utf-8", "surrogatepass")
        return hmac.new(self._key, data, hashlib.sha256).hexdigest()[:DIGEST_LENGTH]
