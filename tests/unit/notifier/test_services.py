"""The examples of the how-to, each against a stub of its service on this machine."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, Final

import pytest

from fleet.contract.vocabulary import AlertState, Severity
from fleet.domain.alert import Alert, AlertGroup
from fleet.notifier.notification import Notification
from fleet.notifier.routes import Channel, Route, route_of
from fleet.notifier.senders import send
from tests.support.prometheus import Webhook
from tests.support.smtp_stub import Smtp

pytestmark = pytest.mark.filterwarnings("ignore::DeprecationWarning")  # of what apprise imports
HOWTO: Final = Path(__file__).parents[3] / "docs/how-to/alert-routes.md"
ALERT: Final = Alert("ada", "disk-pressure", Severity.CRITICAL, AlertState.FIRING, 1e9)
FIRES: Final = Notification.of(
    AlertGroup("disk-pressure", AlertState.FIRING, Severity.CRITICAL, (ALERT,))
)
EXAMPLES: Final = dict(
    re.findall(r"^\| (\w+) \| `(\w+://[^`]+)` \|", HOWTO.read_text(), re.MULTILINE)
)
"""Service → its address, from the table of the how-to."""

FIXED: Final[dict[str, tuple[str, Callable[[Any, str], list[tuple[Any, str, object]]]]]] = {
    "Telegram": ("telegram", lambda m, url: [(m.NotifyTelegram, "notify_url", f"{url}/bot")]),
    "Slack": ("slack", lambda m, url: [(m.NotifySlack, "webhook_url", f"{url}/services")]),
    "Discord": ("discord", lambda m, url: [(m.NotifyDiscord, "notify_url", f"{url}/webhooks")]),
    "PagerDuty": (
        "pagerduty",
        lambda m, url: [(m, "PAGERDUTY_API_LOOKUP", dict.fromkeys(m.PAGERDUTY_API_LOOKUP, url))],
    ),
}
"""Services that are always at the same address: what says so in apprise."""


@pytest.fixture
def webhook() -> Iterator[Webhook]:
    with Webhook(said=b"ok") as webhook:  # Slack takes nothing else
        yield webhook


def test_the_howto_has_an_example_of_each() -> None:
    assert set(EXAMPLES) == {*FIXED, "ntfy", "Mail"}


@pytest.mark.parametrize("service", FIXED)
def test_a_service_that_is_always_at_the_same_address(
    service: str, webhook: Webhook, monkeypatch: pytest.MonkeyPatch
) -> None:
    pytest.importorskip("apprise", reason="apprise (extra notify) is absent")
    name, changes = FIXED[service]
    module = pytest.importorskip(f"apprise.plugins.{name}")
    for owner, attribute, value in changes(module, webhook.url):
        monkeypatch.setattr(owner, attribute, value)
    send(Route("chat", Channel.APPRISE, url=EXAMPLES[service]), FIRES)
    [(_, _, body)] = webhook.posts
    assert "disk-pressure (critical): ada" in body.decode().replace("\\", "")


def test_ntfy_of_ones_own(webhook: Webhook) -> None:
    pytest.importorskip("apprise", reason="apprise (extra notify) is absent")
    address = re.sub(r"ntfys://[^/]+", webhook.url.replace("http", "ntfy"), EXAMPLES["ntfy"])
    send(Route("chat", Channel.APPRISE, url=address), FIRES)
    [(_, headers, body)] = webhook.posts
    assert "disk-pressure (critical): ada" in f"{headers}{body.decode()}"


def test_mail() -> None:
    pytest.importorskip("apprise", reason="apprise (extra notify) is absent")
    with Smtp() as server:
        own = f"mailto://127.0.0.1:{server.port}?"
        address = re.sub(r"mailtos://[^?]+\?smtp=[^&]+&", own, EXAMPLES["Mail"])
        send(Route("mail", Channel.APPRISE, url=address), FIRES)
        [message] = server.messages
    assert "disk-pressure (critical): ada" in message


def test_alertmanager_and_what_always_fires(webhook: Webhook) -> None:
    route = Route("am", Channel.ALERTMANAGER, url=webhook.url)
    assert send(route, FIRES) == "HTTP 200: ok"
    send(route, Notification.watchdog(1e9))
    told = [json.loads(body)[0]["labels"] for _, _, body in webhook.posts]
    assert [one["alertname"] for one in told] == ["disk-pressure", "Watchdog"]
    assert {path for path, _, _ in webhook.posts} == {"/api/v2/alerts"}


def test_an_address_in_the_howto_is_a_route(tmp_path: Path) -> None:
    for service, address in EXAMPLES.items():
        (tmp_path / "chat.url").write_text(address)
        (tmp_path / "chat.url").chmod(0o600)
        table = {"channel": "apprise", "url_file": "chat.url"}
        assert route_of(service.lower(), table, tmp_path).address() == address
