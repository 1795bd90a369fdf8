"""Where a store for several hubs is: `postgresql://[user@]host[:port]/database`.

What libpq takes in an address stands here, too: several hosts, `?host=/run/postgresql` for a
socket, `?sslmode=verify-full`. A password is refused, wherever in it.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, replace
from typing import Final
from urllib.parse import parse_qsl, urlsplit

from fleet.contract.errors import ConfigError

SCHEMES: Final = ("postgresql", "postgres")

_REMEDY: Final = "FLEET_STORE=postgresql://fleet@db.example/fleet"

_SECRETS: Final = ("password", "sslpassword", "passfile")

_OPTIONS: Final = frozenset(
    {
        "application_name", "channel_binding", "gssencmode", "host", "hostaddr",
        "load_balance_hosts", "port", "require_auth", "sslcert", "sslcrl", "sslkey", "sslmode",
        "sslrootcert", "target_session_attrs", "user",
    }
)  # fmt: skip
"""What may stand behind the `?`: what says where and how safely, and nothing that changes what a
session does."""


MAIN: Final = "main"
"""The site whose tables lie where those of a database without sites do."""

SCHEMAS: Final = "fleet_site_"
"""How the schemas of the other sites begin."""

_is_site: Final = re.compile("[a-z0-9](?:[a-z0-9-]{0,29}[a-z0-9])?").fullmatch


@dataclass(frozen=True, slots=True)
class StoreUrl:
    """The address of a database; it holds no secret and can be shown.

    `site`: whose part of it; empty: it has no sites.
    """

    text: str
    site: str = ""

    @property
    def schema(self) -> str:
        """Where the tables of the site lie; empty: where the database looks by itself."""
        return "" if self.site in ("", MAIN) else SCHEMAS + self.site.replace("-", "_")

    @property
    def name(self) -> str:
        """It in words, with the site."""
        return f"{self.text} (site {self.site})" if self.site else self.text

    def at(self, site: str) -> StoreUrl:
        """The part of another site."""
        return replace(self, site=site)

    @classmethod
    def parse(cls, text: str) -> StoreUrl:
        """
        Raises:
            ConfigError: another scheme, no database, an option that is not known, or a password.
        """
        if not text.isprintable() or " " in text:
            raise _bad("it holds a blank or a control character")
        try:
            parts = urlsplit(text)
            given = {name for name, _ in parse_qsl(parts.query, keep_blank_values=True)}
        except ValueError as error:
            raise _bad(str(error)) from None
        user, at, _ = parts.netloc.rpartition("@")
        if (at and ":" in user) or given & set(_SECRETS):
            raise ConfigError(
                "the store's address holds a password",
                "addresses end up in logs and process lists",
                "put it in a 0600 file and name that in FLEET_STORE_PASSWORD_FILE",
            )
        if parts.scheme not in SCHEMES:
            raise _bad("it is not postgresql://…; empty: SQLite in FLEET_HOME")
        if not parts.path.strip("/") or "/" in parts.path.strip("/"):
            raise _bad("no database is named behind the host")
        if parts.fragment:
            raise _bad("there is a # in it, which is written %23")
        if unknown := sorted(given - _OPTIONS):
            raise _bad(f"{unknown[0]} is none of its options: {', '.join(sorted(_OPTIONS))}")
        return cls(text)

    def __str__(self) -> str:
        return self.text


def is_site_name(text: str) -> bool:
    return _is_site(text) is not None


def site_name(text: str) -> str:
    """
    Raises:
        ConfigError: no site is called so.
    """
    if text and not is_site_name(text):
        why = "not small letters, digits and - between them, 31 at most"
        raise ConfigError(f"site {text!r} is not usable", why, "FLEET_SITE=berlin")
    return text


def _bad(why: str) -> ConfigError:
    return ConfigError("the store's address is not usable", why, _REMEDY)
