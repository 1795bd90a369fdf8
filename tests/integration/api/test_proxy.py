"""Behind a proxy that is named: HTTPS is believed, and each caller has an address of its own."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.support.broker import Mosquitto
from tests.support.served import Served


@pytest.fixture(scope="module")
def behind(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    folder: Path = tmp_path_factory.mktemp("behind")
    broker = Mosquitto(folder / "broker").start()
    home = folder / "home"
    home.mkdir()
    (home / "fleet.toml").write_text(
        '[http_service]\nproxies = ["127.0.0.1"]\nopen_metrics = true\n'
    )
    served = Served(home, broker).start()
    yield served
    served.stop()
    broker.stop()


def test_under_https_the_cookie_never_leaves_it(behind: Served) -> None:
    secure = {"X-Forwarded-Proto": "https"}
    body = {"token": behind.tokens["viewer"]}
    status, session, headers = behind.ask("POST", "/v1/session", None, body, secure)
    assert status == 200
    cookie = headers["Set-Cookie"]
    assert cookie.startswith("__Host-fleet_session=")
    for attribute in ("Secure", "Path=/", "HttpOnly", "SameSite=strict"):
        assert attribute in cookie
    assert "Domain" not in cookie
    name_and_value = cookie.partition(";")[0]
    whole = {"Cookie": name_and_value, "X-Session-Secret": session["secret"]}
    assert behind.ask("GET", "/v1/agents", None, headers=whole | secure)[0] == 200
    plain = whole | {"Cookie": name_and_value.removeprefix("__Host-")}
    assert behind.ask("GET", "/v1/agents", None, headers=plain | secure)[0] == 401
    assert behind.ask("GET", "/v1/agents", None, headers=whole)[0] == 401, "not in the open"


def test_who_guesses_behind_the_proxy_is_told_so_and_nobody_else(behind: Served) -> None:
    def guess(address: str) -> int:
        headers = {"X-Forwarded-For": address}
        return behind.ask("GET", "/v1/agents", "fleet_guess", headers=headers, patience=0)[0]

    assert [guess("192.0.2.1") for _ in range(15)][-1] == 429
    assert guess("192.0.2.2") == 401
    assert guess("192.0.2.9, 192.0.2.1") == 429, "what the caller wrote itself counts for nothing"


def test_metrics_are_not_open_to_whom_the_proxy_lets_through(behind: Served) -> None:
    for address in ("192.0.2.1", "127.0.0.1", "::1"):
        headers = {"X-Forwarded-For": address}
        assert behind.ask("GET", "/metrics", None, headers=headers)[0] == 401
    assert behind.ask("GET", "/metrics", None)[0] == 200
