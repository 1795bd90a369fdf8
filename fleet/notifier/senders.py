"""One attempt at one message, a function a channel. They block: call them in a thread.

No error names an address: it may hold a secret.
"""

from __future__ import annotations

import hashlib
import hmac
import json
import logging
import time
from collections.abc import Callable, Iterable, Mapping
from datetime import UTC, datetime, timedelta
from typing import Any, Final

from fleet.contract.secret_file import read_secret
from fleet.contract.vocabulary import AlertState, Severity
from fleet.notifier.ack_links import Acknowledgement
from fleet.notifier.http_post import post
from fleet.notifier.notification import DIGEST_CODE, TEST_CODE, WATCHDOG_CODE, Notification
from fleet.notifier.notified_alert import NotifiedAlert
from fleet.notifier.refusals import SendError
from fleet.notifier.routes import Channel, Route
from fleet.notifier.runbooks import link_to

EXPIRES_AFTER: Final = 300.0
"""Seconds an alert stays in Alertmanager without being repeated; see `notifier.REPEAT`."""


def send(route: Route, group: Notification) -> str:
    """Hand `group` to the receiver of `route`; what it said.

    Raises:
        SendError: it did not take it; says what that means for the message.
        ConfigError: a file of the route cannot be used.
    """
    return _SENDERS[route.channel](route, group)


def signature(secret: str, stamp: str, body: bytes) -> str:
    """HMAC-SHA256 over `stamp.body` in hexadecimal, as a receiver computes it again."""
    return hmac.new(secret.encode(), stamp.encode() + b"." + body, hashlib.sha256).hexdigest()


def _acknowledge(route: Route, group: Notification) -> str:
    """The link that acknowledges what fires; empty where there is none."""
    of_alerts = group.code not in (TEST_CODE, DIGEST_CODE, WATCHDOG_CODE)
    if route.links is None or group.state is not AlertState.FIRING or not of_alerts:
        return ""
    agents = tuple(member.agent for member in group.members)
    return route.links.url(Acknowledgement(group.code, agents, time.time()))


def _webhook(route: Route, group: Notification) -> str:
    document = {
        "version": 1,
        **group.as_json(),
        "meaning": group.meaning,
        "text": group.title,
        "runbook": link_to(route.runbooks, group.code) or None,
        "acknowledge": _acknowledge(route, group) or None,
    }
    body = json.dumps(document, separators=(",", ":")).encode()
    stamp = str(int(time.time()))
    headers = {"X-Fleet-Id": group.id, "X-Fleet-Timestamp": stamp}
    if route.secret_file:
        secret = read_secret(route.secret_file)
        headers["X-Fleet-Signature"] = f"sha256={signature(secret, stamp, body)}"
    return _post(route, route.address(), body, headers)


def _alertmanager(route: Route, group: Notification) -> str:
    alerts = list(_alerts(route, group))
    url = route.address().rstrip("/") + "/api/v2/alerts"
    return _post(route, url, json.dumps(alerts, separators=(",", ":")).encode(), {})


def _alerts(route: Route, group: Notification) -> Iterable[Mapping[str, Any]]:
    """Alertmanager's shape. A firing alert ends by itself unless it is repeated."""
    runbook = link_to(route.runbooks, group.code)
    over = group.state is AlertState.RESOLVED
    lasts = (datetime.now(UTC) + timedelta(seconds=EXPIRES_AFTER)).isoformat()
    for member in group.members:
        yield {
            "labels": _labels(group, member),
            "annotations": {"summary": f"{group.code} of {member.who}"
                            + (" is flapping" if member.flapping else ""),
                            "description": group.meaning,
                            **({"runbook_url": runbook} if runbook else {})},
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


def _apprise(route: Route, group: Notification) -> str:
    import apprise

    logging.getLogger("apprise").disabled = True  # it logs addresses, which hold passwords
    kinds = {Severity.INFO: "info", Severity.WARNING: "warning", Severity.CRITICAL: "failure"}
    over = group.state is AlertState.RESOLVED
    service = apprise.Apprise()
    members = (f"{m.who} since {m.since}" for m in group.members)
    acknowledge = _acknowledge(route, group)
    lines = (
        group.meaning,
        *members,
        link_to(route.runbooks, group.code),
        acknowledge and f"acknowledge: {acknowledge}",
    )
    why = "apprise knows no service of this address"
    added = service.add(route.address())
    for one in service:
        if one.overflow_mode == apprise.OverflowMode.UPSTREAM:  # unless the address says otherwise
            one.overflow_mode = apprise.OverflowMode.SPLIT  # what is too long for a chat
    if added:
        why = "the service did not take it"
        try:
            if service.notify(
                title=f"fleet: {group.title}",
                body="\n".join(line for line in lines if line),
                notify_type="success" if over else kinds[group.severity],
            ):
                return "the service took it"
        except Exception as error:  # noqa: BLE001 - a plug-in may raise anything; the hub goes on
            why = type(error).__name__
    raise SendError(f"route {route.name} failed", why, f"fleet alerts test {route.name}")


def _post(route: Route, url: str, body: bytes, headers: Mapping[str, str]) -> str:
    token = read_secret(route.token_file) if route.token_file else ""
    remedy = f"fleet alerts test {route.name}"
    return post(f"route {route.name}", remedy, url, body, headers, token)


_SENDERS: Final[Mapping[Channel, Callable[[Route, Notification], str]]] = {
    Channel.ALERTMANAGER: _alertmanager,
    Channel.WEBHOOK: _webhook,
    Channel.APPRISE: _apprise,
}
