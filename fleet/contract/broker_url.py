"""Where the broker is: `mqtt://` or `mqtts://[user@]host[:port]`, or several with commas between.

What has a meaning of its own in an address is percent-encoded in the user name, as in any URL:
RabbitMQ's `vhost:user` is written `vhost%3Auser`. `scripts/bus-publish` reads it so too.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, replace
from typing import Final
from urllib.parse import SplitResult, quote, unquote, urlsplit

from fleet.contract.errors import ConfigError

_PORTS: Final = {"mqtt": 1883, "mqtts": 8883}
_REMEDY: Final = "FLEET_BROKER=mqtt://127.0.0.1:1883, or mqtts://user@host:8883"

MAX_BROKERS: Final = 4
"""Addresses in one setting: each is tried in turn, and who waits for all of them waits long."""

_LOOPBACK: Final = ("127.0.0.1", "localhost", "::1")

_STRAY_PERCENT: Final = re.compile(r"%(?![0-9A-Fa-f]{2})")

_BAD_PORT: Final = "the port is not a number from 1 to 65535"


@dataclass(frozen=True, slots=True)
class BrokerUrl:
    """A broker's address; a password never stands in it."""

    host: str
    port: int = 1883
    user: str = ""
    tls: bool = False

    @classmethod
    def parse(cls, text: str) -> BrokerUrl:
        """
        Raises:
            ConfigError: another scheme, no host, a bad port, or a password in the URL.
        """
        if not text.isprintable() or " " in text:  # urlsplit would drop some of them unseen
            raise _bad(text, "it holds a blank or a control character")
        parts, port = _split(text)
        if parts.scheme not in _PORTS:
            raise _bad(text, "the scheme is neither mqtt nor mqtts")
        if parts.password is not None:
            raise ConfigError(
                "the broker address holds a password",
                "addresses end up in logs and process lists",
                "put the password in a 0600 file and name it in FLEET_PASSWORD_FILE; a : of the"
                " user name is written %3A",
            )
        if port == 0:
            raise _bad(text, _BAD_PORT)
        if "@" in f"{parts.path}{parts.query}{parts.fragment}":
            remedy = "mqtt://a%2Fb@host:1883: write %2F for /, %3F for ?, %23 for #"
            raise _bad(text, "a / ? or # stands in the user name", remedy)
        if not parts.hostname or parts.path.strip("/") or parts.query or parts.fragment:
            raise _bad(text, "it is not scheme://[user@]host[:port]")
        tls = parts.scheme == "mqtts"
        user = _decoded(text, parts.username or "")
        return cls(parts.hostname, port or _PORTS[parts.scheme], user, tls)

    @property
    def is_local(self) -> bool:
        """Whether it is on this machine, by its name."""
        return self.host in _LOOPBACK

    @property
    def place(self) -> str:
        """Host and port, by which one of several is told from the others."""
        host = f"[{self.host}]" if ":" in self.host else self.host
        return f"{host}:{self.port}"

    def __str__(self) -> str:
        user = f"{quote(self.user, safe='')}@" if self.user else ""
        return f"{'mqtts' if self.tls else 'mqtt'}://{user}{self.place}"


@dataclass(frozen=True, slots=True)
class BrokerUrls:
    """The brokers of a fleet, the one to prefer first; all know the same accounts.

    One account, one password and one CA serve all of them. None is less safe than another: who
    could keep us from the one that encrypts would have the password from the other.
    """

    every: tuple[BrokerUrl, ...]

    @classmethod
    def parse(cls, text: str) -> BrokerUrls:
        """
        Raises:
            ConfigError: one is not usable, stands twice, has another user, or is not encrypted
                where another is.
        """
        parts = text.split(",")
        if len(parts) > 1:
            parts = [part.strip(" ") for part in parts]
        every = tuple(map(BrokerUrl.parse, parts))
        if len(every) > MAX_BROKERS:
            why = f"it names {len(every)}, and each is tried in turn"
            raise ConfigError(
                "there are too many broker addresses", why, f"at most {MAX_BROKERS}, by comma"
            )
        first = every[0]
        if len({(one.host, one.port) for one in every}) < len(every):
            raise _pair("one of them stands there twice", every)
        if any(one.user != first.user for one in every):
            raise _pair("their users differ, and one account serves all", every)
        if any(one.tls for one in every) and any(not (one.tls or one.is_local) for one in every):
            raise _pair("one encrypts and another does not: that one would get the password", every)
        return cls(every)

    @property
    def first(self) -> BrokerUrl:
        return self.every[0]

    @property
    def standbys(self) -> tuple[BrokerUrl, ...]:
        """All but the first."""
        return self.every[1:]

    def as_user(self, user: str) -> BrokerUrls:
        """The same brokers, logged in to as `user`."""
        return BrokerUrls(tuple(replace(one, user=user) for one in self.every))

    def __str__(self) -> str:
        return ",".join(map(str, self.every))


def _pair(why: str, every: tuple[BrokerUrl, ...]) -> ConfigError:
    shown = ",".join(f"{one.host}:{one.port}" for one in every)
    remedy = "FLEET_BROKER=mqtts://user@a:8883,mqtts://user@b:8883"
    return ConfigError(f"broker addresses {shown!r} are not usable", why, remedy)


def _split(text: str) -> tuple[SplitResult, int | None]:
    try:
        parts = urlsplit(text)
        return parts, parts.port
    except ValueError:
        raise _bad(text, _BAD_PORT) from None


def _decoded(text: str, user: str) -> str:
    if _STRAY_PERCENT.search(user):
        raise _bad(
            text, "a % in the user name begins no %XX", "mqtt://a%25b@host:1883: write %25 for %"
        )
    try:
        found = unquote(user, errors="strict")
    except UnicodeDecodeError:
        raise _bad(text, "the user name is not UTF-8") from None
    if any(character < " " or character == "\x7f" for character in found):
        raise _bad(text, "a control character stands in the user name")
    return found


def _bad(text: str, why: str, remedy: str = _REMEDY) -> ConfigError:
    shown = text.rpartition("@")[2]  # what stands before the @ may be a secret
    return ConfigError(f"broker address {shown!r} is not usable", why, remedy)
