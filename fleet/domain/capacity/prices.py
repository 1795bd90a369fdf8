"""What tokens cost: only by a dated table of the operator's. A price that the program brought along
would be wrong the day after."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Final

from fleet.domain.capacity.forecast import HOUR

MILLION: Final = 1e6


@dataclass(frozen=True, slots=True)
class Price:
    """`[prices.NAME]`: for a million tokens, from a moment on (s since the epoch), of one agent, of
    a group, or of all."""

    begins: float
    input: float
    output: float
    agent: str = ""
    group: str = ""


class PriceTable:
    """Every price of the settings, all in one currency; empty: nothing has a cost."""

    def __init__(self, prices: Iterable[Price] = (), currency: str = "") -> None:
        self._prices = sorted(prices, key=lambda price: price.begins)
        self.currency = currency

    def __bool__(self) -> bool:
        return bool(self._prices)

    def of(self, agent: str, groups: Sequence[str]) -> Sequence[Price]:
        """The prices of an agent, oldest first: its own, else its groups', else everybody's."""
        for fits in (
            lambda price: price.agent == agent,
            lambda price: price.group in groups and not price.agent,
            lambda price: not price.agent and not price.group,
        ):
            found = [price for price in self._prices if fits(price)]
            if found:
                return found
        return ()


def price_at(prices: Sequence[Price], hour: int) -> Price | None:
    """The price in force when an hour began; None: none was yet."""
    place = bisect_right(prices, hour * HOUR, key=lambda price: price.begins)
    return prices[place - 1] if place else None
