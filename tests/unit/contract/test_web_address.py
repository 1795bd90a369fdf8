"""An address with a login in it is refused wherever one is configured, and never repeated."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from agent_sidecar.commands import reload
from agent_sidecar.probes import endpoint
from fleet.contract.errors import ConfigError
from fleet.contract.web_address import refuse_login
from fleet.notifier.routes import routes_of
from fleet.otel.exporter import endpoint_of
from fleet.settings import load


def of_the_hub(address: str, home: Path) -> object:
    return load({"home": str(home)}, {"FLEET_HUB": address})


def of_a_route(address: str, home: Path) -> object:
    (home / "fleet.toml").write_text(f'[routes.a]\nchannel = "alertmanager"\nurl = "{address}"\n')
    return routes_of(load({"home": str(home)}, {}))


def of_a_collector(address: str, home: Path) -> object:
    (home / "fleet.toml").write_text(f'[otel]\nendpoint = "{address}"\n')
    return endpoint_of(load({"home": str(home)}, {}))


def of_an_endpoint(address: str, _: Path) -> object:
    return endpoint.parse(address)


def of_a_reload(address: str, _: Path) -> object:
    return reload.parse(address, lambda: None)


@pytest.mark.parametrize("login", ["larry:hunter2@", "larry@", ":hunter2@", "@"])
@pytest.mark.parametrize(
    "read", [of_the_hub, of_a_route, of_a_collector, of_an_endpoint, of_a_reload]
)
def test_an_address_with_a_login_is_refused_and_not_repeated(
    read: Callable[[str, Path], object], login: str, tmp_path: Path
) -> None:
    with pytest.raises(ConfigError, match="holds a user name or a password") as refused:
        read(f"http://{login}127.0.0.1:8088/x", tmp_path)
    assert "larry" not in str(refused.value)
    assert "hunter2" not in str(refused.value)
    read("http://127.0.0.1:8088/x", tmp_path)


def test_an_at_sign_elsewhere_is_no_login() -> None:
    refuse_login("https://example.org/@larry?to=a@b", "it", "")
