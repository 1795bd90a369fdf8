"""`[forecast]`, `[quotas]` and `[prices]`: what is wrong is said with what to write instead."""

from __future__ import annotations

from typing import Any

import pytest

from fleet.contract.errors import ConfigError
from fleet.domain.capacity.settings import rules_of

PRICE = {"from": "2026-06-01", "input": 2.5, "output": 10, "currency": "EUR"}
QUOTA = {"limit": 1000, "window": "day"}


def test_nothing_said_is_no_limit_no_price_and_utc() -> None:
    rules = rules_of({})
    assert (rules.quotas, bool(rules.prices), str(rules.zone)) == ((), False, "UTC")


@pytest.mark.parametrize(
    ("tables", "what", "why", "remedy"),
    [
        ({"forecast": {"zone": "Mars"}}, "[forecast] zone", "no such zone", "Europe/Berlin"),
        ({"quotas": {"q": {"window": "day"}}}, "[quotas.q] limit", "not there", "limit ="),
        ({"quotas": {"q": {"limit": 1}}}, "[quotas.q] window", "none of day", 'window = "day"'),
        ({"quotas": {"q": {**QUOTA, "window": "5"}}}, "[quotas.q] window", "no span", "window"),
        ({"quotas": {"q": {**QUOTA, "window": "40d"}}}, "[quotas.q] window", "31d", "window"),
        ({"quotas": {"q": {**QUOTA, "metric": "tokns"}}}, "[quotas.q] metric", "none of",
         'metric = "tokens"'),
        ({"quotas": {"q": {**QUOTA, "metric": "cost"}}}, "[quotas.q] metric", "[prices.NAME]",
         "tokens"),
        ({"quotas": {"q": {**QUOTA, "agent": " "}}}, "[quotas.q] agent", "empty", "agent"),
        ({"quotas": {"q": {**QUOTA, "agent": "a", "group": "g"}}}, "[quotas.q] group",
         "agent is given", "one of"),
        ({"quotas": {"q": {**QUOTA, "agent": "a", "each": True}}}, "[quotas.q] each",
         "agent names one", "each"),
        ({"quotas": {f"q{n}": QUOTA for n in range(101)}}, "[quotas]", "100 at most", "each"),
        ({"prices": {"p": {**PRICE, "from": "June"}}}, "[prices.p] from", "no date", "2026-06-01"),
        ({"prices": {"p": {k: v for k, v in PRICE.items() if k != "output"}}},
         "[prices.p] output", "not there", "output ="),
        ({"prices": {"p": {**PRICE, "currency": ""}}}, "[prices.p] currency", "not there", "EUR"),
        ({"prices": {"p": PRICE, "q": {**PRICE, "currency": "USD", "from": "2026-07-01"}}},
         "[prices] currency", "cannot be added", "one currency"),
        ({"prices": {"p": PRICE, "q": PRICE}}, "[prices] from", "same day", "once"),
    ],
)  # fmt: skip
def test_what_is_not_usable_says_why_and_what_is(
    tables: dict[str, Any], what: str, why: str, remedy: str
) -> None:
    with pytest.raises(ConfigError) as caught:
        rules_of(tables)
    assert caught.value.what.startswith(what)
    assert why in caught.value.why
    assert remedy in caught.value.remedy
