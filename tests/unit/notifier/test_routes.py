"""Routes are checked before the hub starts, and never show their addresses."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from fleet.contract.errors import ConfigError
from fleet.contract.vocabulary import Severity
from fleet.notifier.routes import Channel, Route, routes_of
from fleet.settings import load


def routes(home: Path, **table: Any) -> list[Route]:
    lines = [f"{key} = {value!r}".replace("'", '"') for key, value in table.items()]
    (home / "fleet.toml").write_text("\n".join(["[routes.oncall]", *lines]))
    return routes_of(load({"home": str(home)}, {}))


def secret(home: Path, name: str, text: str = "s3cret", mode: int = 0o600) -> str:
    path = home / name
    path.write_text(text)
    path.chmod(mode)
    return name


def test_a_complete_table_is_a_route(tmp_path: Path) -> None:
    [route] = routes(
        tmp_path,
        channel="webhook",
        url="https://example.org/hook?key=abc",
        secret_file=secret(tmp_path, "key"),
        severity="critical",
    )
    assert (route.name, route.channel) == ("oncall", Channel.WEBHOOK)
    assert route.secret_file == tmp_path / "key"
    assert not route.wants(Severity.WARNING)
    assert route.wants(Severity.CRITICAL)
    assert "example.org" not in repr(route)


def test_an_address_may_lie_in_a_secret_file(tmp_path: Path) -> None:
    name = secret(tmp_path, "address", "http://127.0.0.1:9093\n")
    [route] = routes(tmp_path, channel="alertmanager", url_file=name)
    assert route.address() == "http://127.0.0.1:9093"


@pytest.mark.parametrize(
    ("table", "named"),
    [
        ({"channel": "pigeon", "url": "http://x/"}, "pigeon"),
        ({"channel": "alertmanager"}, "one address"),
        ({"channel": "alertmanager", "url": "http://x/", "url_file": "y"}, "one address"),
        ({"channel": "alertmanager", "url": "ftp://x/"}, "http"),
        ({"channel": "alertmanager", "url": "http://x/", "sevrity": "info"}, "sevrity"),
        ({"channel": "alertmanager", "url": "http://x/", "severity": "loud"}, "loud"),
        ({"channel": "alertmanager", "url": "http://x/", "severity": "warn"}, "severity = warning"),
        ({"channel": "alertmanager", "url": 7}, "not text"),
        ({"channel": "webhook", "url": "http://x/"}, "not signed"),
        ({"channel": "webhook", "url": "http://x/", "secret_file": "absent"}, "absent"),
    ],
)
def test_what_is_wrong_is_named_with_a_remedy(
    tmp_path: Path, table: dict[str, Any], named: str
) -> None:
    with pytest.raises(ConfigError) as caught:
        routes(tmp_path, **table)
    assert named in str(caught.value)
    assert "Try:" in str(caught.value)


def test_a_secret_that_others_may_read_is_refused(tmp_path: Path) -> None:
    name = secret(tmp_path, "key", mode=0o644)
    with pytest.raises(ConfigError, match="open to others"):
        routes(tmp_path, channel="webhook", url="http://x/", secret_file=name)
