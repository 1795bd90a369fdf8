"""The hub's HTTP interface as the command line uses it, with the token the hub leaves in its home.

`fleet serve` writes `hub.json` (0600): who may read it owns the home and could do all of it anyway.
"""

from __future__ import annotations

import http.client
import json
import socket
import ssl
import sys
import time
import urllib.error
import urllib.request
from dataclasses import dataclass, field
from functools import cache
from http import HTTPStatus
from pathlib import Path
from typing import IO, Any, Final, Self
from urllib.parse import urlsplit

from fleet.contract.errors import ConfigError, FleetError
from fleet.contract.secret_file import read_secret, write_secret
from fleet.settings import Settings

FILE: Final = "hub.json"
AT_HOME: Final = {
    "GET /v1/agents": "fleet status",
    "GET /v1/alerts": "fleet alerts",
    "start without a cursor, then pass `next`": "fleet history --cursor 0",
}
"""What the hub's remedies, which speak of HTTP, are at the command line."""

TIMEOUT: Final = 10.0
"""Seconds; the hub answers on loopback in milliseconds."""


MAX_ANSWER: Final = 256 * 2**20
"""Bytes read of one answer: all of 10,000 agents are 5 MB, a page of history 4 MB. More comes from
no hub of ours, and must not fill the memory of whoever asked."""

MAX_REFUSAL: Final = 64 * 1024
"""Bytes read of a problem document."""

LOOPBACK: Final = frozenset({"127.0.0.1", "::1", "localhost"})


class HubError(FleetError):
    """The hub is away, or refuses."""


class BusyError(HubError):
    """The hub does nothing for this caller until `seconds` have passed."""

    seconds = 1.0


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
            elsewhere = by_flag and hub and hub.broker not in ("", str(settings.broker))
            return None if elsewhere else hub
        if settings.hub_token_file is None:
            raise ConfigError(
                f"the hub {settings.hub} wants a token",
                "FLEET_HUB_TOKEN_FILE names no file",
                "fleet token create --role viewer where it runs, its last line into a 0600 file",
            )
        _say_if_in_the_open(settings.hub)
        ca_file = str(settings.ca_file or "")
        return cls(settings.hub, read_secret(settings.hub_token_file), ca_file=ca_file)

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
            HubError: no hub runs here.
        """
        path = home / FILE
        if not path.exists():
            raise HubError("no hub serves this home", f"there is no {path}", "fleet serve")
        try:
            return cls(**json.loads(read_secret(path)))
        except (ValueError, TypeError):
            raise ConfigError(f"{path} is damaged", "", "restart fleet serve") from None

    @classmethod
    def serving(cls, home: Path) -> Self | None:
        """The hub that serves this home; None where none does, or where it was killed.

        Only a refused connection is a death: a hub that is slow to answer still serves.
        """
        if not (home / FILE).exists():
            return None
        hub = cls.of(home)
        address = urlsplit(hub.url)
        try:
            socket.create_connection((address.hostname, address.port or 80), TIMEOUT).close()
        except ConnectionRefusedError:
            return None
        except OSError:
            return hub  # its first request says what is wrong
        return hub

    def write(self, home: Path) -> None:
        """Leave the address and token for the command line."""
        known = {"url": self.url, "token": self.token, "broker": self.broker}
        write_secret(home / FILE, json.dumps(known))

    @staticmethod
    def withdraw(home: Path) -> None:
        """Take back what `write` left, this hub or one that was killed, token and all."""
        from fleet.tokens import Tokens

        path = home / FILE
        if not path.exists():
            return
        tokens = Tokens(home)
        bearer = tokens.principal(HubClient.of(home).token)
        if bearer is not None:
            tokens.revoke(bearer.id)
        path.unlink(missing_ok=True)

    def get(self, path: str) -> Any:
        return self._ask("GET", path, None)

    def post(self, path: str, body: dict[str, Any]) -> Any:
        return self._ask("POST", path, body)

    def delete(self, path: str) -> None:
        self._ask("DELETE", path, None)

    def _ask(self, method: str, path: str, body: dict[str, Any] | None) -> Any:
        """
        One that has too much to do says when to come back, and is asked again then: it did nothing,
        and who went to the broker instead would tell less than it knows.

        Raises:
            HubError: the hub is away or refuses; its own words are passed on.
        """
        end = time.monotonic() + TIMEOUT
        while True:
            try:
                return self._ask_once(method, path, body)
            except BusyError as busy:
                if time.monotonic() + busy.seconds > end:
                    raise
                seconds = busy.seconds
            time.sleep(seconds)

    def _ask_once(self, method: str, path: str, body: dict[str, Any] | None) -> Any:
        request = urllib.request.Request(  # noqa: S310 - the scheme is the hub's own http
            self.url + path,
            data=None if body is None else json.dumps(body).encode(),
            headers={"Authorization": f"Bearer {self.token}", "Content-Type": "application/json"},
            method=method,
        )
        handlers: list[urllib.request.BaseHandler] = [urllib.request.ProxyHandler({}), _Stay()]
        if self.ca_file:
            context = ssl.create_default_context(cafile=self.ca_file)
            handlers.append(urllib.request.HTTPSHandler(context=context))
        opener = urllib.request.build_opener(*handlers)
        try:
            with opener.open(request, timeout=TIMEOUT) as response:
                text = self._whole(response)
        except urllib.error.HTTPError as error:
            with error:
                raise _refused(error) from None
        except http.client.HTTPException as error:
            raise self._no_hub(type(error).__name__) from None
        except OSError as error:
            reason = getattr(error, "reason", error)
            why = getattr(reason, "strerror", None) or str(reason)
            raise HubError(
                f"the hub at {self.url} does not answer", why, "fleet serve on its machine"
            ) from None
        try:
            return json.loads(text) if text else None
        except ValueError:
            raise self._no_hub("its answer is not JSON") from None

    def _whole(self, answer: IO[bytes]) -> bytes:
        text = answer.read(MAX_ANSWER + 1)
        if len(text) > MAX_ANSWER:
            raise self._no_hub(f"its answer is larger than {MAX_ANSWER // 2**20} MiB")
        return text

    def of_another_version(self, why: str) -> HubError:
        """What to say of an answer that is none to this question."""
        return HubError(
            f"the hub at {self.url} is of another version",
            f"its answer is not as expected ({why})",
            "install the same release here and on its machine",
        )

    def _no_hub(self, why: str) -> HubError:
        return HubError(f"what answers at {self.url} is no hub", why, "FLEET_HUB=https://…")


class _Stay(urllib.request.HTTPRedirectHandler):
    """Follows no redirect: it would hand the token to wherever it leads, also without TLS."""

    def redirect_request(self, *_: Any) -> None:
        return None


@cache  # once for each hub that is named
def _say_if_in_the_open(url: str) -> None:
    parts = urlsplit(url)
    if parts.scheme == "http" and parts.hostname not in LOOPBACK:
        sys.stderr.write(
            f"warning: {url} is asked without TLS: who sees the network sees the token\n"
            "Try: a proxy that speaks TLS before the hub, and FLEET_HUB=https://…\n"
        )


def _refused(error: urllib.error.HTTPError) -> HubError:
    if HTTPStatus.MULTIPLE_CHOICES <= error.code < HTTPStatus.BAD_REQUEST:
        why = f"HTTP {error.code}: it sends us elsewhere, and the token goes nowhere else"
        return HubError("the hub refuses", why, "FLEET_HUB=https://… names the hub itself")
    try:
        problem = json.loads(error.read(MAX_REFUSAL))
    except ValueError:
        problem = {}
    if not isinstance(problem, dict):
        problem = {}
    lacks = [name for name, good in problem.items() if good is False and name != "ready"]
    if lacks:  # what /readyz says with its 503
        why = f"no {', no '.join(lacks)}"
        return HubError("the hub is not ready", why, "the log of fleet serve says more")
    remedy = problem.get("try", "")
    busy = error.code == HTTPStatus.TOO_MANY_REQUESTS
    refused = (BusyError if busy else HubError)(
        "the hub refuses", problem.get("detail", f"HTTP {error.code}"), AT_HOME.get(remedy, remedy)
    )
    if isinstance(refused, BusyError):
        refused.seconds = _seconds(error.headers.get("Retry-After", ""))
    return refused


def _seconds(text: str) -> float:
    """What a Retry-After asks for; of another form, as a proxy may send, a second."""
    return float(text) if text.isdecimal() else BusyError.seconds
