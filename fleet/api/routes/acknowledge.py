"""Where the link in a notification leads: a page that asks, and its answer.

Only the answer acknowledges: whoever fetches links to show what is behind them, as chats and mail
filters do, sends a GET. No login: who has the link was told of the alert.
"""

from __future__ import annotations

from html import escape
from http import HTTPStatus
from typing import Annotated, Final

from fastapi import APIRouter, Path, Response

from fleet.api.backend import JsonObject
from fleet.api.routes.messages import Hub
from fleet.notifier.ack_links import LONGEST

router = APIRouter(include_in_schema=False)
Token = Annotated[str, Path(max_length=LONGEST, pattern=r"^[0-9A-Za-z_.-]+$")]

HEADERS: Final = {"Referrer-Policy": "same-origin", "X-Robots-Tag": "noindex"}
"""Under the usual referrer policy a browser's answer comes from nowhere (`Origin: null`), and would
be refused as one from another site."""

GONE: Final = "This link is not of this hub, or more than a day old."
OVER: Final = "What this link is about is over."


@router.get("/ack/{token}")
async def ask(token: Token, hub: Hub) -> Response:
    """Which alerts the link is about, and a button."""
    alerts = hub.linked_alerts(token)
    if not alerts:
        return _page(GONE if alerts is None else OVER, found=alerts is not None)
    if all(alert["acknowledged_by"] for alert in alerts):
        return _page(_list(alerts) + "<p>Somebody looks at it already.</p>")
    button = '<form method="post"><button type="submit">Acknowledge</button></form>'
    return _page(f"<p>Say that somebody looks at this:</p>{_list(alerts)}{button}")


@router.post("/ack/{token}")
async def acknowledge(token: Token, hub: Hub) -> Response:
    """Acknowledge them."""
    alerts = await hub.acknowledge_linked(token)
    if not alerts:
        return _page(GONE if alerts is None else OVER, found=alerts is not None)
    return _page(f"<p>Acknowledged:</p>{_list(alerts)}")


def _list(alerts: list[JsonObject]) -> str:
    lines = (
        f"{alert['severity']} {alert['agent'] or 'hub'}: {alert['code']} since {alert['since']}"
        for alert in alerts
    )
    return f"<ul>{''.join(f'<li>{escape(line)}</li>' for line in lines)}</ul>"


def _page(body: str, *, found: bool = True) -> Response:
    document = (
        '<!doctype html><html lang="en"><head><meta charset="utf-8"><title>Acknowledge</title>'
        '<meta name="viewport" content="width=device-width">'
        '<link rel="stylesheet" href="/static/style.css"></head>'
        f"<body><main><h1>Fleet alerts</h1>{body}</main></body></html>"
    )
    status = HTTPStatus.OK if found else HTTPStatus.NOT_FOUND
    return Response(document, status, HEADERS, "text/html; charset=utf-8")
