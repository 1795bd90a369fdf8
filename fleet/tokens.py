"""Bearer tokens: made once, shown once, kept only as a hash.

A token is 32 random bytes, so a plain SHA-256 at rest is enough: there is nothing to guess. The
file is read again when it changes, so that a revoked token stops working without a restart.
"""

from __future__ import annotations

import hashlib
import hmac
import json
import os
import secrets
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Final

from fleet.contract import trusted_path
from fleet.contract.errors import ConfigError
from fleet.contract.topics import is_agent_name
from fleet.contract.vocabulary import Word

FILE_NAME: Final = "tokens.json"
PREFIX: Final = "fleet_"
"""Lets secret scanners recognise a token that got out."""


class Role(Word):
    """What a token's bearer may do; deny is the default."""

    ADMIN = "admin", "everything, tokens and enrolment included"
    OPERATOR = "operator", "read, send the four verbs, acknowledge and silence alerts"
    VIEWER = "viewer", "read"
    AGENT = "agent", "publish for itself, read its own inbox and acknowledge"


@dataclass(frozen=True, slots=True)
class Principal:
    """Who asks; `agent` is set for the role `agent` only."""

    role: Role
    agent: str = ""
    id: str = ""

    @classmethod
    def parse(cls, text: str) -> Principal:
        """From `admin`, `operator`, `viewer` or `agent:NAME`.

        Raises:
            ConfigError: any other text.
        """
        word, colon, name = text.partition(":")
        if word == Role.AGENT.value and is_agent_name(name):
            return cls(Role.AGENT, name)
        if not colon and word in (Role.ADMIN, Role.OPERATOR, Role.VIEWER):
            return cls(Role(word))
        raise ConfigError(
            f"role {text!r} is not usable", "", "--role admin, operator, viewer or agent:NAME"
        )

    def __str__(self) -> str:
        return f"{self.role}:{self.agent}" if self.agent else self.role.value


@dataclass(frozen=True, slots=True)
class Entry:
    """One token at rest; times are RFC 3339."""

    id: str
    role: str
    digest: str
    created: str


class Tokens:
    """The token file of a home."""

    def __init__(self, home: Path) -> None:
        self.path = home / FILE_NAME
        self._stamp: tuple[int, int] | None = None
        self._entries: dict[str, Entry] = {}

    def create(self, principal: Principal, created: str) -> tuple[str, Entry]:
        """A new token and its entry; the token itself is not kept."""
        token = PREFIX + secrets.token_urlsafe(32)
        entry = Entry(secrets.token_hex(4), str(principal), _digest(token), created)
        with self._change() as entries:
            entries[entry.digest] = entry
        return token, entry

    def revoke(self, token_id: str) -> Entry:
        """
        Raises:
            ConfigError: there is no such token.
        """
        with self._change() as entries:
            for entry in entries.values():
                if hmac.compare_digest(entry.id, token_id):
                    del entries[entry.digest]
                    return entry
        raise ConfigError(f"there is no token {token_id!r}", "", "fleet token list")

    def entries(self) -> list[Entry]:
        self._refresh()
        return sorted(self._entries.values(), key=lambda entry: entry.created)

    def principal(self, token: str) -> Principal | None:
        """Who bears `token`; None if nobody."""
        self._refresh()
        entry = self._entries.get(_digest(token))
        if entry is None:
            return None
        found = Principal.parse(entry.role)
        return Principal(found.role, found.agent, entry.id)

    @contextmanager
    def _change(self) -> Iterator[dict[str, Entry]]:
        """The entries to change, written back whole when the block ends well."""
        import fcntl

        trusted_path.make_folder(self.path.parent)
        handle = trusted_path.open_file(self.path.with_suffix(".lock"), os.O_WRONLY | os.O_CREAT)
        with os.fdopen(handle, "w") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)
            self._stamp = None
            self._refresh()
            entries = dict(self._entries)
            yield entries
            text = json.dumps([asdict(entry) for entry in entries.values()], indent=1)
            trusted_path.write_text(self.path, text, 0o600)
            self._stamp = None

    def _refresh(self) -> None:
        try:
            found = self.path.stat()
        except FileNotFoundError:
            self._entries = {}
            return
        stamp = (found.st_mtime_ns, found.st_ino)
        if stamp == self._stamp:
            return
        if found.st_mode & 0o077:
            raise ConfigError(f"{self.path} is open to others", "", f"chmod 600 {self.path}")
        try:
            entries = [Entry(**item) for item in json.loads(trusted_path.read_text(self.path))]
        except (OSError, ValueError, TypeError) as error:
            remedy = f"move {self.path} away and create tokens again"
            raise ConfigError(f"{self.path} cannot be read", type(error).__name__, remedy) from None
        self._entries = {entry.digest: entry for entry in entries}
        self._stamp = stamp


def _digest(token: str) -> str:
    return hashlib.sha256(token.encode()).hexdigest()
