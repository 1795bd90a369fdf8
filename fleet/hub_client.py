"""The hub's HTTP interface as the command line uses it, with the token the hub leaves in its home.

`fleet serve` writes `hub.json` (0600): who may read it owns the home and could do all of it anyway.
"""

from __future__ import annotations

import json
import logging
import socket
import sys
import time
from collections.abc import Iterable, Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, Final, Self
from urllib.parse import urlsplit

from fleet import plain_http
from fleet.contract.errors import ConfigError
from fleet.contract.host_name import for_socket
from fleet.contract.kept_file import DamagedFileError, read_json
from fleet.contract.secret_file import read_secret, write_secret
from fleet.hub_patience import TIMEOUT, Patience
from fleet.hub_refusals import MAX_REFUSAL, BeginningError, away, no_hub, refused
from fleet.hub_refusals import AwayError as AwayError  # noqa: PLC0414
from fleet.hub_refusals import BusyError as BusyError  # noqa: PLC0414 - callers know it from here
from fleet.hub_refusals import HubError as HubError  # noqa: PLC0414
from fleet.hub_refusals import StandbyError as StandbyError  # noqa: PLC0414
from fleet.hub_refusals import UnavailableError as UnavailableError  # noqa: PLC0414
from fleet.plain_http import LOOPBACK
from fleet.settings import FILE_NAME, Settings

if TYPE_CHECKING:
    from http.client import HTTPResponse

_log = logging.getLogger(__name__)

MAKE_ONE: Final = "fleet token create --role viewer where it runs, its last line into a 0600 file"
FILE: Final = "hub.json"
MAX_ANSWER: Final = 256 * 2**20
"""Bytes read of one answer: all of 10,000 agents are 5 MB, a page of history 4 MB. More comes from
no hub of ours, and must not fill the memory of whoever asked."""


def is_no_home(settings: Settings) -> bool:
    """Whether nothing says which fleet is meant: no settings, no hub, no broker."""
    known = any((settings.home / name).exists() for name in (FILE_NAME, FILE))
    return settings.origins["broker"][1] == "default" and not (settings.hub or known)


@dataclass(frozen=True, slots=True)
class HubClient:
    """Asks one hub."""

    url: str
    token: str = field(repr=False)
    broker: str = ""
    """The broker that it watches, without password; empty: it does not say."""
    ca_file: str = ""

    @classmethod
    def asked(cls, settings: Settings) -> Self | None:
        """The hub that the settings name, or the one that serves this home; None where there is
        none, or where a flag names another broker than the one it watches.

        Raises:
            ConfigError: it is named without a token, or what this home says of it is damaged.
        """
        if not settings.hub:
            hub = cls.serving(settings.home)
            by_flag = settings.origins.get("broker", ("", ""))[1].startswith("--")
            elsewhere = by_flag and hub and hub.broker not in ("", str(settings.brokers))
            return None if elsewhere else hub
        if settings.hub_token_file is None:
            raise ConfigError(
                f"the hub {settings.hub} wants a token",
                "FLEET_HUB_TOKEN_FILE names no file",
                MAKE_ONE,
            )
        _say_if_in_the_open(settings.hub)
        ca_file = str(settings.ca_file or "")
        token = read_secret(settings.hub_token_file)
        if not (token.isascii() and token.isprintable()):  # no header of a request may hold it
            what = f"{settings.hub_token_file} holds no token"
            raise ConfigError(what, "there are letters in it that no token has", MAKE_ONE)
        return cls(settings.hub, token, ca_file=ca_file)

    @classmethod
    def needed(cls, settings: Settings) -> Self:
        """The hub that is asked, for what only a hub knows.

        Raises:
            HubError: there is none.
        """
        return cls.asked(settings) or cls.of(settings.home)

    @classmethod
    def of(cls, home: Path) -> Self:
        """The hub that serves this home.

        Raises:
            HubError: no hub runs here, or one that stands by.
        """
        found = cls._read(home)
        if found is None:
            raise AwayError("no hub serves this home", f"there is no {home / FILE}", "fleet serve")
        if found.stands_by:
            try:
                found.get("/readyz")
            except StandbyError as error:
                raise BeginningError(*error.args) from None
            raise BeginningError("this hub stands by", "it begins to lead", "again in a moment")
        return found

    @classmethod
    def _read(cls, home: Path) -> Self | None:
        path = home / FILE
        return read_json(
            path,
            lambda document: cls(**_texts(document)),
            shape="what fleet serve leaves",
            remedy="restart fleet serve",
            secret=True,
        )

    @classmethod
    def serving(cls, home: Path) -> Self | None:
        """The hub that serves this home; None where none does, it stands by, or was killed.

        Only a refused connection is a death: a hub that is slow to answer still serves.
        """
        hub = cls._read(home)
        if hub is None or hub.stands_by:
            return None
        address = urlsplit(hub.url)
        host = for_socket(address.hostname or "")
        try:
            socket.create_connection((host, address.port or 80), TIMEOUT).close()
        except ConnectionRefusedError:
            return None
        except OSError:
            return hub  # its first request says what is wrong
        return hub

    @classmethod
    def is_standby(cls, home: Path) -> bool:
        """Whether a hub that stands by left its address in this home."""
        try:
            found = cls._read(home)
        except DamagedFileError:
            return False
        return found is not None and found.stands_by

    @classmethod
    def leaves(cls, home: Path, url: str) -> bool:
        """Whether it is the hub at `url` that this home names, or one that stands by."""
        try:
            found = cls._read(home)
        except DamagedFileError:
            return False
        return found is not None and (found.stands_by or found.url == url)

    @staticmethod
    def own_token_id(home: Path) -> str:
        """The id of the token that a hub left in this home; empty: there is none."""
        from fleet.tokens import Tokens

        try:
            left = HubClient._read(home)
            bearer = Tokens(home).principal(left.token) if left else None
        except ConfigError:
            return ""
        return bearer.id if bearer else ""

    @property
    def stands_by(self) -> bool:
        """Whether it waits for another hub: it has no token, and answers only who leads."""
        return not self.token

    def write(self, home: Path) -> None:
        """Leave the address and token for the command line."""
        known = {"url": self.url, "token": self.token, "broker": self.broker}
        if self.ca_file:
            known["ca_file"] = self.ca_file
        write_secret(home / FILE, json.dumps(known))

    @staticmethod
    def withdraw(home: Path) -> None:
        """Take back what `write` left, this hub or one that was killed, token and all."""
        from fleet.tokens import Tokens

        path = home / FILE
        if not path.exists():
            return
        try:
            tokens = Tokens(home)
            left = HubClient._read(home)
            bearer = tokens.principal(left.token) if left else None
            if bearer is not None:
                tokens.revoke(bearer.id)
        except DamagedFileError as error:
            if path.name not in error.what:
                raise
            _log.warning("%s: the token that it held may stay; fleet token list", error.what)
        path.unlink(missing_ok=True)

    def get(self, path: str) -> Any:
        return self._ask("GET", path, None)

    def post(self, path: str, body: dict[str, Any]) -> Any:
        return self._ask("POST", path, body)

    def delete(self, path: str) -> Any:
        return self._ask("DELETE", path, None)

    def _ask(self, method: str, path: str, body: dict[str, Any] | None) -> Any:
        """
        One that has too much to do says when to come back, and is asked again then: it did nothing,
        and who went to the broker instead would tell less than it knows.

        Raises:
            HubError: the hub is away or refuses; its own words are passed on.
        """
        patience = Patience()
        while True:
            try:
                return self._ask_once(method, path, body)
            except BusyError as busy:
                seconds = patience.wait(busy.seconds)
                if seconds is None:
                    raise
            time.sleep(seconds)

    def _ask_once(self, method: str, path: str, body: dict[str, Any] | None) -> Any:
        data = None if body is None else json.dumps(body).encode()
        text = (self._nearby if plain_http.suits(self.url) else self._anywhere)(method, path, data)
        try:
            return json.loads(text) if text else None
        except (ValueError, RecursionError):
            raise no_hub(self.url, "its answer is not JSON") from None

    def _nearby(self, method: str, path: str, data: bytes | None) -> bytes:
        """What a hub of this machine answers; the same as `_anywhere`, without what that loads."""
        try:
            answer = plain_http.ask(
                self.url, method, path, self.token, data, timeout=TIMEOUT, most=MAX_ANSWER
            )
        except plain_http.NotHttpError as error:
            raise no_hub(self.url, str(error)) from None
        except OSError as error:
            raise away(self.url, error.strerror or str(error)) from None
        if not answer.is_good:
            said, again = answer.body[:MAX_REFUSAL], answer.headers.get("retry-after", "")
            raise refused(answer.status, said, again)
        return answer.body

    def _anywhere(self, method: str, path: str, data: bytes | None) -> bytes:
        with self.opened(method, path, data, {"Content-Type": "application/json"}) as answer:
            text = answer.read(MAX_ANSWER + 1)
        if len(text) > MAX_ANSWER:
            raise no_hub(self.url, f"its answer is larger than {MAX_ANSWER // 2**20} MiB")
        return text

    def opened(
        self,
        method: str,
        path: str,
        data: bytes | Iterable[bytes] | None = None,
        headers: Mapping[str, str] = MappingProxyType({}),
    ) -> AbstractContextManager[HTTPResponse]:
        """Send a request once; its answer, to be read in the block.

        Raises:
            HubError: the hub is away or refuses; its own words are passed on.
        """
        from fleet.hub_requests import opened

        given = {"Authorization": f"Bearer {self.token}", **headers}
        return opened(self.url, self.ca_file, method, path, data, given, timeout=TIMEOUT)

    @contextmanager
    def reading(self) -> Iterator[None]:
        """Whatever takes an answer apart stands below this.

        Raises:
            HubError: the answer has another form: the hub is of another release.
        """
        try:
            yield
        except (AttributeError, KeyError, TypeError, ValueError) as error:
            raise HubError(
                f"the hub at {self.url} is of another version",
                f"its answer is not as expected ({type(error).__name__})",
                "install the same release here and on its machine",
            ) from None


def _texts(document: dict[str, Any]) -> dict[str, str]:
    """
    Raises:
        TypeError, AttributeError: it is not an object of nothing but text.
    """
    if not all(isinstance(text, str) for text in document.values()):
        raise TypeError
    return document


@cache  # once for each hub that is named
def _say_if_in_the_open(url: str) -> None:
    parts = urlsplit(url)
    if parts.scheme == "http" and parts.hostname not in LOOPBACK:
        sys.stderr.write(
            f"warning: {url} is asked without TLS: who sees the network sees the token\n"
            "Try: a proxy that speaks TLS before the hub, and FLEET_HUB=https://…\n"
        )
