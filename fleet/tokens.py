"""Bearer tokens: made once, shown once, kept only as a hash.

A token is 32 random bytes, so a plain SHA-256 at rest is enough: there is nothing to guess. The
file is read again when it changes, so that a revoked token stops working without a restart.
"""

from __future__ import annotations

import hashlib
import hmac
import json
import secrets
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Final

from fleet.contract.errors import ConfigError
from fleet.contract.kept_file import MAX_LIST, read_json
from fleet.contract.secret_file import write_secret
from fleet.contract.topics import is_agent_name
from fleet.contract.vocabulary import Word
from fleet.lock import in_turn

FILE_NAME: Final = "tokens.json"
PREFIX: Final = "fleet_"
"""Lets secret scanners recognise a token that got out."""


class Role(Word):
    """What a token's bearer may do; deny is the default."""

    ADMIN = "admin", "everything, tokens and enrolment included"
    OPERATOR = "operator", "read, send the four verbs, acknowledge and silence alerts"
    VIEWER = "viewer", "read"
    SCRAPER = "scraper", "read /metrics, and nothing else"
    AGENT = "agent", "publish for itself, read its own inbox and acknowledge"


_NAMELESS: Final = (Role.ADMIN, Role.OPERATOR, Role.VIEWER, Role.SCRAPER)


@dataclass(frozen=True, slots=True)
class Principal:
    """Who asks; `agent` is set for the role `agent` only."""

    role: Role
    agent: str = ""
    id: str = ""

    @classmethod
    def parse(cls, text: str) -> Principal:
        """From `admin`, `operator`, `viewer`, `scraper` or `agent:NAME`.

        Raises:
            ConfigError: any other text.
        """
        word, colon, name = text.partition(":")
        if word == Role.AGENT.value and is_agent_name(name):
            return cls(Role.AGENT, name)
        if not colon and word in _NAMELESS:
            return cls(Role(word))
        raise ConfigError(
            f"role {text!r} is not usable",
            "",
            "--role admin, operator, viewer, scraper, agent:NAME",
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
        return _bearer(entry)

    def bearer(self, token_id: str) -> Principal | None:
        """Who bears the token of this id; None: it was revoked."""
        self._refresh()
        return next((_bearer(e) for e in self._entries.values() if e.id == token_id), None)

    def of_agent(self, agent: str) -> list[Entry]:
        """The tokens of the role `agent` for this name."""
        role = str(Principal(Role.AGENT, agent))
        return [entry for entry in self.entries() if entry.role == role]

    def revoke_agent(self, agent: str) -> list[Entry]:
        """Revoke every token of the role `agent` for this name; those that were."""
        role = str(Principal(Role.AGENT, agent))
        with self._change() as entries:
            gone = [entry for entry in entries.values() if entry.role == role]
            for entry in gone:
                del entries[entry.digest]
        return gone

    def rename_agent(self, old: str, new: str) -> list[Entry]:
        """From now on the tokens of the agent `old` are those of `new`; the tokens as they are."""
        role = str(Principal(Role.AGENT, old))
        with self._change() as entries:
            moved = [
                replace(entry, role=str(Principal(Role.AGENT, new)))
                for entry in entries.values()
                if entry.role == role
            ]
            entries |= {entry.digest: entry for entry in moved}
        return moved

    @contextmanager
    def _change(self) -> Iterator[dict[str, Entry]]:
        """The entries to change, written back whole when the block ends well."""
        with in_turn(self.path.with_suffix(".lock")):
            self._stamp = None
            self._refresh()
            entries = dict(self._entries)
            yield entries
            text = json.dumps([asdict(entry) for entry in entries.values()], indent=1)
            write_secret(self.path, text)
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
        entries = read_json(
            self.path,
            lambda document: [_entry(item) for item in document],
            shape="a list of tokens",
            remedy=f"move {self.path} away and create tokens again",
            most=MAX_LIST,
            secret=True,
        )
        self._entries = {entry.digest: entry for entry in entries or ()}
        self._stamp = stamp


def _bearer(entry: Entry) -> Principal:
    return replace(Principal.parse(entry.role), id=entry.id)


def _entry(item: dict[str, str]) -> Entry:
    """
    Raises:
        TypeError: it is none.
    """
    if not all(isinstance(text, str) for text in item.values()):
        raise TypeError
    return Entry(**item)


def _digest(token: str) -> str:
    return hashlib.sha256(token.encode()).hexdigest()
