"""Bearer tokens: made once, shown once, kept only as a hash.

A token is 32 random bytes, so a plain SHA-256 at rest is enough: there is nothing to guess. The
file is read again when it changes, so that a revoked token stops working without a restart.
"""

from __future__ import annotations

import hashlib
import hmac
import secrets
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Final

from fleet.contract.errors import ConfigError
from fleet.contract.topics import is_agent_name
from fleet.contract.vocabulary import Word
from fleet.shared_list import SharedList

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
        self._list = SharedList(self.path, Entry, what="tokens", again="create tokens again")
        self._indexed: Mapping[str, Entry] | None = None
        self._by_id: dict[str, Entry] = {}

    def create(self, principal: Principal, created: str) -> tuple[str, Entry]:
        """A new token and its entry; the token itself is not kept."""
        token = PREFIX + secrets.token_urlsafe(32)
        entry = Entry(secrets.token_hex(4), str(principal), digest_of(token), created)
        with self._list.change() as entries:
            entries[entry.digest] = entry
        return token, entry

    def revoke(self, token_id: str) -> Entry:
        """
        Raises:
            ConfigError: there is no such token.
        """
        with self._list.change() as entries:
            for entry in entries.values():
                if hmac.compare_digest(entry.id, token_id):
                    del entries[entry.digest]
                    return entry
        raise ConfigError(f"there is no token {token_id!r}", "", "fleet token list")

    def entries(self) -> list[Entry]:
        return sorted(self._list.entries().values(), key=lambda entry: entry.created)

    def ids(self, among: Iterable[str]) -> set[str]:
        """Those of `among` that are of tokens which are good."""
        known = self._known()
        return {one for one in among if one in known}

    def principal(self, token: str) -> Principal | None:
        """Who bears `token`; None if nobody."""
        entry = self._list.entries().get(digest_of(token))
        if entry is None:
            return None
        return _bearer(entry)

    def bearer(self, token_id: str) -> Principal | None:
        """Who bears the token of this id; None: it was revoked."""
        entry = self._known().get(token_id)
        return None if entry is None else _bearer(entry)

    def _known(self) -> Mapping[str, Entry]:
        """By id."""
        entries = self._list.entries()
        if entries is not self._indexed:
            self._indexed = entries
            self._by_id = {entry.id: entry for entry in entries.values()}
        return self._by_id

    def of_agent(self, agent: str) -> list[Entry]:
        """The tokens of the role `agent` for this name."""
        role = str(Principal(Role.AGENT, agent))
        return [entry for entry in self.entries() if entry.role == role]

    def revoke_agent(self, agent: str) -> list[Entry]:
        """Revoke every token of the role `agent` for this name; those that were."""
        role = str(Principal(Role.AGENT, agent))
        with self._list.change() as entries:
            gone = [entry for entry in entries.values() if entry.role == role]
            for entry in gone:
                del entries[entry.digest]
        return gone

    def rename_agent(self, old: str, new: str) -> list[Entry]:
        """From now on the tokens of the agent `old` are those of `new`; the tokens as they are."""
        role = str(Principal(Role.AGENT, old))
        with self._list.change() as entries:
            moved = [
                replace(entry, role=str(Principal(Role.AGENT, new)))
                for entry in entries.values()
                if entry.role == role
            ]
            entries |= {entry.digest: entry for entry in moved}
        return moved


def _bearer(entry: Entry) -> Principal:
    return replace(Principal.parse(entry.role), id=entry.id)


def digest_of(token: str) -> str:
    """How a secret of 256 random bits is kept."""
    return hashlib.sha256(token.encode()).hexdigest()
