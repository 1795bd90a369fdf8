"""Where a store for several hubs is: `postgresql://[user@]host[:port]/database`.

What libpq takes in an address stands here, too: several hosts, `?host=/run/postgresql` for a
socket, `?sslmode=verify-full`. A password is refused, wherever in it.
"""

from __future__ import annotations

from dataclasses import dataclass
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


@dataclass(frozen=True, slots=True)
class StoreUrl:
    """The address of a database; it holds no secret and can be shown."""

    text: str

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


def _bad(why: str) -> ConfigError:
    return ConfigError("the store's address is not usable", why, _REMEDY)
