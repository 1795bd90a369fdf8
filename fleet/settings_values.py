"""What each setting may say: its text as a value, or why it is none."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Final

from fleet.broker_kind import BrokerKind
from fleet.contract.broker_url import BrokerUrls
from fleet.contract.errors import ConfigError
from fleet.contract.limits import MAX_INTERVAL, MIN_INTERVAL
from fleet.contract.store_url import StoreUrl, site_name
from fleet.contract.web_address import is_web_address, refuse_login


def home_of(text: str) -> Path:
    return path_of("home", text) or Path()


def path_of(name: str, text: str) -> Path | None:
    try:
        return Path(text).expanduser() if text else None
    except RuntimeError:  # ~NAME, or ~ of somebody without a home
        why = "there is no such home"
        raise ConfigError(f"{name} is not usable", why, f"{name} = /PATH") from None


def store(text: str) -> StoreUrl | None:
    return StoreUrl.parse(text) if text else None


def store_of_site(text: str, site: str) -> StoreUrl | None:
    address, name = store(text), site_name(site)
    if name and address is None:
        raise ConfigError(
            "the site has no store that others see",
            f"FLEET_SITE is {name}, and FLEET_STORE names no database",
            "FLEET_STORE=postgresql://fleet@db.example/fleet, the same at every site",
        )
    return address.at(name) if address else None


def broker_kind(text: str) -> BrokerKind:
    try:
        return BrokerKind(text)
    except ValueError:
        known = ", ".join(BrokerKind)
        raise ConfigError(
            f"broker_kind {text!r} is not usable", f"known: {known}", "FLEET_BROKER_KIND=mosquitto"
        ) from None


def hub(text: str) -> str:
    remedy = "FLEET_HUB=https://…, and a token of the hub in FLEET_HUB_TOKEN_FILE"
    refuse_login(text, "the address of the hub", remedy)
    if text and not is_web_address(text):
        raise ConfigError(
            f"hub {text!r} is not usable", "it is not http(s)://host[:port]", "FLEET_HUB=https://…"
        )
    return text.rstrip("/")


def bind(text: str) -> tuple[str, int]:
    host, colon, port = text.rpartition(":")
    if colon and port.isdecimal() and len(port) <= 5 and int(port) <= 65_535:
        return host.strip("[]") or "127.0.0.1", int(port)
    raise ConfigError(
        f"http address {text!r} is not usable", "it is not host:port", "FLEET_HTTP=127.0.0.1:8088"
    )


def flag(name: str, text: str) -> bool:
    if text.lower() not in ("true", "false"):
        variable = f"FLEET_{name.upper()}"
        raise ConfigError(
            f"{name} {text!r} is not usable", "it is not true or false", f"{variable}=true"
        )
    return text.lower() == "true"


def max_agents(text: str) -> int:
    if not text.isdecimal() or len(text) > 9 or int(text) == 0:
        why = "it is not a whole number from 1 to 999999999"
        raise ConfigError(f"max_agents {text!r} is not usable", why, "FLEET_MAX_AGENTS=1000")
    return int(text)


def interval(text: str) -> float:
    try:
        seconds = float(text)
    except ValueError:
        seconds = float("nan")
    if not MIN_INTERVAL <= seconds <= MAX_INTERVAL:
        why = f"not a number of seconds from {MIN_INTERVAL} to {MAX_INTERVAL}"
        raise ConfigError(f"interval {text!r} is not usable", why, "FLEET_INTERVAL=600")
    return seconds


PARSERS: Final[Mapping[str, Callable[[str], object]]] = {
    "broker": BrokerUrls.parse,
    "broker_kind": broker_kind,
    "http": bind,
    "hub": hub,
    "interval": interval,
    "store": store,
    "site": site_name,
}
"""What judges a setting by itself."""
