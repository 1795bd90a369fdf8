"""Where the broker is: `mqtt://` or `mqtts://[user@]host[:port]`."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final
from urllib.parse import SplitResult, urlsplit

from fleet.contract.errors import ConfigError

_PORTS: Final = {"mqtt": 1883, "mqtts": 8883}
_REMEDY: Final = "FLEET_BROKER=mqtt://127.0.0.1:1883, or mqtts://user@host:8883"

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
                "put the password in a 0600 file and name it in FLEET_PASSWORD_FILE",
            )
        if port == 0:
            raise _bad(text, _BAD_PORT)
        if not parts.hostname or parts.path.strip("/") or parts.query or parts.fragment:
            raise _bad(text, "it is not scheme://[user@]host[:port]")
        tls = parts.scheme == "mqtts"
        return cls(parts.hostname, port or _PORTS[parts.scheme], parts.username or "", tls)

    def __str__(self) -> str:
        host = f"[{self.host}]" if ":" in self.host else self.host
        user = f"{self.user}@" if self.user else ""
        return f"{'mqtts' if self.tls else 'mqtt'}://{user}{host}:{self.port}"


def _split(text: str) -> tuple[SplitResult, int | None]:
    try:
        parts = urlsplit(text)
        return parts, parts.port
    except ValueError:
        raise _bad(text, _BAD_PORT) from None


def _bad(text: str, why: str) -> ConfigError:
    shown = text.rpartition("@")[2]  # what stands before the @ may be a secret
    return ConfigError(f"broker address {shown!r} is not usable", why, _REMEDY)
