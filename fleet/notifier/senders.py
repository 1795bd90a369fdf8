"""One attempt at one message, a function a channel. They block: call them in a thread.

No error names an address: it may hold a secret.
"""

from __future__ import annotations

import hashlib
import hmac
import json
import logging
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterable, Mapping
from datetime import UTC, datetime, timedelta
from email.message import Message
from http.client import HTTPException
from typing import IO, Any, Final

import fleet
from fleet.contract.errors import FleetError
from fleet.contract.secret_file import read_secret
from fleet.contract.vocabulary import AlertState, Severity
from fleet.notifier.notification import Notification, NotifiedAlert
from fleet.notifier.routes import Channel, Route

TIMEOUT: Final = 10.0
"""Seconds an attempt may take: a receiver that needs longer is as good as away."""

EXPIRES_AFTER: Final = 300.0
"""Seconds an alert stays in Alertmanager without being repeated; see `notifier.REPEAT`."""


class SendError(FleetError):
    """An attempt failed; it is tried again."""


def send(route: Route, group: Notification) -> None:
    """Hand `group` to the receiver of `route`.

    Raises:
        FleetError: it did not take it.
    """
    _SENDERS[route.channel](route, group)


def signature(secret: str, stamp: str, body: bytes) -> str:
    """HMAC-SHA256 over `stamp.body` in hexadecimal, as a receiver computes it again."""
    return hmac.new(secret.encode(), stamp.encode() + b"." + body, hashlib.sha256).hexdigest()


def _webhook(route: Route, group: Notification) -> None:
    document = {
        "version": 1,
        **group.as_json(),
        "meaning": group.meaning,
        "text": group.title,
    }
    body = json.dumps(document, separators=(",", ":")).encode()
    stamp = str(int(time.time()))
    headers = {"X-Fleet-Id": group.id, "X-Fleet-Timestamp": stamp}
    if route.secret_file:
        secret = read_secret(route.secret_file)
        headers["X-Fleet-Signature"] = f"sha256={signature(secret, stamp, body)}"
    _post(route, route.address(), body, headers)


def _alertmanager(route: Route, group: Notification) -> None:
    alerts = list(_alerts(group))
    url = route.address().rstrip("/") + "/api/v2/alerts"
    _post(route, url, json.dumps(alerts, separators=(",", ":")).encode(), {})


def _alerts(group: Notification) -> Iterable[Mapping[str, Any]]:
    """Alertmanager's shape. A firing alert ends by itself unless it is repeated."""
    over = group.state is AlertState.RESOLVED
    lasts = (datetime.now(UTC) + timedelta(seconds=EXPIRES_AFTER)).isoformat()
    for member in group.members:
        yield {
            "labels": _labels(group, member),
            "annotations": {"summary": f"{group.code} of {member.agent or 'the hub'}",
                            "description": group.meaning},
            # When it began is not part of an end.
            **({} if over else {"startsAt": member.since}),
            "endsAt": member.since if over else lasts,
        }  # fmt: skip


def _labels(group: Notification, member: NotifiedAlert) -> dict[str, str]:
    return {
        "alertname": group.code,
        "agent": member.agent or "hub",
        "severity": member.severity.value,
        "source": "fleet",
    }


def _apprise(route: Route, group: Notification) -> None:
    import apprise

    logging.getLogger("apprise").disabled = True  # it logs addresses, which hold passwords
    kinds = {Severity.INFO: "info", Severity.WARNING: "warning", Severity.CRITICAL: "failure"}
    over = group.state is AlertState.RESOLVED
    service = apprise.Apprise()
    lines = (group.meaning, *(f"{m.agent or 'hub'} since {m.since}" for m in group.members))
    why = "apprise knows no service of this address"
    if service.add(route.address()):
        why = "the service did not take it"
        try:
            if service.notify(
                title=f"fleet: {group.title}",
                body="\n".join(line for line in lines if line),
                notify_type="success" if over else kinds[group.severity],
            ):
                return
        except Exception as error:  # noqa: BLE001 - a plug-in may raise anything; the hub goes on
            why = type(error).__name__
    raise SendError(f"route {route.name} failed", why, f"fleet alerts test {route.name}")


class _NoRedirect(urllib.request.HTTPRedirectHandler):
    """A redirect would carry the message, and a token, to somebody nobody named."""

    def redirect_request(
        self, req: urllib.request.Request, fp: IO[bytes], code: int, msg: str,
        headers: Message, newurl: str,
    ) -> None:  # fmt: skip
        return None


def _post(route: Route, url: str, body: bytes, headers: Mapping[str, str]) -> None:
    request = urllib.request.Request(  # noqa: S310 - `address` allows http and https only
        url,
        data=body,
        headers={
            "Content-Type": "application/json",
            "User-Agent": f"fleet-hub/{fleet.__version__}",
            **headers,
        },
    )
    if route.token_file:
        request.add_unredirected_header("Authorization", f"Bearer {read_secret(route.token_file)}")
    try:
        with urllib.request.build_opener(_NoRedirect).open(request, timeout=TIMEOUT):
            return
    except urllib.error.HTTPError as error:
        with error:
            why = f"HTTP {error.code}"
    except urllib.error.URLError as error:
        reason = error.reason
        why = (getattr(reason, "strerror", None) or type(reason).__name__).lower()
    except (OSError, HTTPException, ValueError) as error:
        why = type(error).__name__
    raise SendError(f"route {route.name} failed", why, f"fleet alerts test {route.name}")


_SENDERS: Final[Mapping[Channel, Callable[[Route, Notification], None]]] = {
    Channel.ALERTMANAGER: _alertmanager,
    Channel.WEBHOOK: _webhook,
    Channel.APPRISE: _apprise,
}
