"""The address of a store for several hubs: what it may hold, and what it must not."""

from __future__ import annotations

import pytest

from fleet.contract.errors import ConfigError
from fleet.contract.store_url import StoreUrl


@pytest.mark.parametrize(
    "text",
    [
        "postgresql://fleet@db.example/fleet",
        "postgresql://fleet@db.example:5433/fleet?sslmode=verify-full&sslrootcert=/etc/ca.pem",
        "postgresql://fleet@/fleet?host=/run/postgresql",
        "postgresql://fleet@a:5432,b:5432/fleet?target_session_attrs=read-write",
        "postgres://db/fleet",
    ],
)
def test_an_address_as_libpq_takes_it_is_one(text: str) -> None:
    assert str(StoreUrl.parse(text)) == text


@pytest.mark.parametrize(
    "text",
    [
        "postgresql://fleet:amber@db/fleet",
        "postgresql://fleet:@db/fleet",
        "postgresql://db/fleet?password=amber",
        "postgresql://db/fleet?sslpassword=amber",
        "postgresql://db/fleet?user=fleet&pass%77ord=amber",
    ],
)
def test_a_password_is_refused_wherever_it_stands_and_not_repeated(text: str) -> None:
    with pytest.raises(ConfigError, match=r"holds a password[^T]*\nTry: .*0600") as refused:
        StoreUrl.parse(text)
    assert "amber" not in str(refused.value)


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("mysql://db/fleet", "not postgresql"),
        ("/var/lib/fleet", "not postgresql"),
        ("postgresql://db", "no database"),
        ("postgresql://db/a/b", "no database"),
        ("postgresql://db/fleet?options=-c%20fsync%3Doff", "options is none"),
        ("postgresql://db/fleet#x", "#"),
        ("postgresql://db/fl eet", "blank"),
        ("postgresql://[db/fleet", ""),
    ],
)
def test_what_is_no_address_says_what_one_looks_like(text: str, why: str) -> None:
    with pytest.raises(ConfigError, match=rf"{why}.*\nTry: FLEET_STORE=postgresql://"):
        StoreUrl.parse(text)
