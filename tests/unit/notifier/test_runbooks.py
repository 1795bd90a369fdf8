"""A notification's runbook link leads to a section that the page has, by each channel."""

from __future__ import annotations

import json
import re
from pathlib import Path
from urllib.parse import urldefrag

import pytest

from fleet.contract.errors import ConfigError
from fleet.contract.vocabulary import AlertCode, AlertState, HubAlertCode, Severity
from fleet.domain.alert import Alert, AlertGroup
from fleet.notifier.notification import Notification
from fleet.notifier.routes import routes_of
from fleet.notifier.runbooks import link_to
from fleet.notifier.senders import send
from fleet.settings import load
from tests.support.prometheus import Webhook

PAGE = "https://docs.example.org/alerts.md"
SECTIONS = set(
    re.findall(r"^### (\S+)$", Path("docs/reference/alerts.md").read_text(), re.MULTILINE)
)


@pytest.mark.parametrize("code", [*AlertCode, *HubAlertCode])
def test_every_code_of_the_contract_links_to_a_section_that_is_there(code: str) -> None:
    page, anchor = urldefrag(link_to(PAGE, code))
    assert page == PAGE
    assert anchor in SECTIONS


def test_what_has_no_section_and_what_has_no_page_has_no_link() -> None:
    assert link_to(PAGE, "route-test") == ""
    assert link_to(PAGE, "gpu-hot") == ""
    assert link_to("", "disk-pressure") == ""


@pytest.mark.filterwarnings("ignore::DeprecationWarning")  # of what apprise imports
def test_each_channel_carries_the_link(tmp_path: Path) -> None:
    pytest.importorskip("apprise", reason="apprise (extra notify) is absent")
    (tmp_path / "key").touch(0o600)
    (tmp_path / "key").write_text("a long random word")
    with Webhook() as webhook:
        (tmp_path / "fleet.toml").write_text(
            f'[alerts]\nrunbooks = "{PAGE}"\n'
            f'[routes.hook]\nchannel = "webhook"\nurl = "{webhook.url}"\nsecret_file = "key"\n'
            f'[routes.am]\nchannel = "alertmanager"\nurl = "{webhook.url}"\n'
            f'[routes.chat]\nchannel = "apprise"\nurl = "{webhook.url.replace("http", "json")}"\n'
        )
        alert = Alert("ada", "disk-pressure", Severity.WARNING, AlertState.FIRING, 1e9)
        group = AlertGroup("disk-pressure", AlertState.FIRING, Severity.WARNING, (alert,))
        for route in routes_of(load({"home": str(tmp_path)}, {})):
            send(route, Notification.of(group))
        hook, manager, chat = (json.loads(body) for _, _, body in webhook.posts)
    link = f"{PAGE}#disk-pressure"
    assert hook["runbook"] == link
    assert manager[0]["annotations"]["runbook_url"] == link
    assert chat["message"].endswith(link)


def test_a_page_that_is_no_address_is_refused_before_the_hub_starts(tmp_path: Path) -> None:
    (tmp_path / "fleet.toml").write_text('[alerts]\nrunbooks = "docs/alerts.md"\n')
    with pytest.raises(ConfigError, match="no address"):
        routes_of(load({"home": str(tmp_path)}, {}))
