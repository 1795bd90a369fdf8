"""Links by which whoever was told of alerts acknowledges them: signed, and good for a day.

A link names the alerts it is about, so the hub keeps nothing, and who has it can do nothing else.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final, Self

from fleet.contract.errors import ConfigError
from fleet.contract.web_address import is_web_address
from fleet.own_key import own_key

VALID: Final = 86_400
"""Seconds a link is good for."""

NAMED: Final = 20
"""Agents that one link names at most; a larger group is acknowledged in the page."""

FILE: Final = "ack.key"
LONGEST: Final = 2_000
"""Characters of a token: as many as the longest names need."""


@dataclass(frozen=True, slots=True)
class Acknowledgement:
    """What a link stands for: alerts of one code that were told by `at` (s since the epoch); an
    empty agent is the hub."""

    code: str
    agents: tuple[str, ...]
    at: float


@dataclass(frozen=True, slots=True)
class AckLinks:
    """Makes and reads the links of one hub; `page` is where operators reach it."""

    page: str
    key_file: Path

    @classmethod
    def of(cls, tables: Mapping[str, Any], home: Path) -> Self | None:
        """As the settings say; None: no links are wanted.

        Raises:
            ConfigError: the address is none.
        """
        page = str(tables.get("alerts", {}).get("page", "")).rstrip("/")
        if not page:
            return None
        if not is_web_address(page):
            raise ConfigError(
                "[alerts] page is no address",
                "it needs http:// or https://",
                'page = "https://fleet.example.org" in fleet.toml',
            )
        return cls(page, home / FILE)

    def url(self, what: Acknowledgement) -> str:
        """Where `what` is acknowledged; empty where it is too much for a link.

        Raises:
            ConfigError: the key cannot be used.
        """
        if len(what.agents) > NAMED:
            return ""
        text = json.dumps([what.code, what.agents, int(what.at)], separators=(",", ":"))
        body = base64.urlsafe_b64encode(text.encode()).decode().rstrip("=")
        return f"{self.page}/ack/{body}.{self._sign(body)}"

    def read(self, token: str, now: float) -> Acknowledgement | None:
        """What `token` stands for at `now`; None: it is none of ours, or too old."""
        body, _, given = token[:LONGEST].partition(".")
        if not hmac.compare_digest(self._sign(body).encode(), given.encode()):
            return None
        text = base64.urlsafe_b64decode(body + "=" * (-len(body) % 4))
        code, agents, at = json.loads(text)
        return Acknowledgement(code, tuple(agents), at) if at <= now < at + VALID else None

    def _sign(self, body: str) -> str:
        key = own_key(self.key_file, what="the key of links", without="links that were sent end")
        return hmac.new(key, body.encode(), hashlib.sha256).hexdigest()
