"""The table `[http_service]`: read whole or refused with a remedy."""

from __future__ import annotations

from pathlib import Path

import pytest

from fleet.contract.errors import ConfigError
from fleet.http.service import HttpService
from fleet.settings import load


def told(folder: Path, table: str) -> HttpService:
    (folder / "fleet.toml").write_text(f"[http_service]\n{table}\n")
    return HttpService.of(load({"home": str(folder)}, {}))


def test_without_a_table_nobody_is_believed(tmp_path: Path) -> None:
    service = HttpService.of(load({"home": str(tmp_path)}, {}))
    assert service == HttpService()
    assert not service.is_proxy("127.0.0.1")


def test_proxies_are_addresses_and_networks(tmp_path: Path) -> None:
    service = told(tmp_path, 'hosts = ["Hub.LAN"]\nproxies = ["192.0.2.1", "2001:db8::/32"]')
    assert service.hosts == {"hub.lan"}
    assert [service.is_proxy(a) for a in ("192.0.2.1", "2001:db8::7", "192.0.2.2", "unix", "")] == [
        True,
        True,
        False,
        False,
        False,
    ]


@pytest.mark.parametrize(
    ("table", "said"),
    [
        ("proxy = []", "proxy in line 2 .* is no key"),
        ('proxies = "192.0.2.1"', "proxies in line 2 "),
        ('proxies = ["*"]', "proxies has '\\*'"),
        ('proxies = ["proxy.lan"]', "proxies has 'proxy.lan'"),
        ("hosts = [7]", "hosts in line 2 "),
        ('open_metrics = "yes"', "open_metrics in line 2 "),
        ("open_metrics = 1", "open_metrics in line 2 "),
    ],
)
def test_a_table_that_is_not_usable_says_so(tmp_path: Path, table: str, said: str) -> None:
    with pytest.raises(ConfigError, match=said):
        told(tmp_path, table)
