"""How many streams are open, and whose: they last, so they have a bound of their own."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from http import HTTPStatus

from fleet.http.problems import HttpProblem


class Listeners:
    """Counts open streams.

    Args:
        most: open at a time; the bearer of one token gets half of them.
    """

    def __init__(self, most: int) -> None:
        self._most = most
        self._open: Counter[str] = Counter()

    def is_full(self, bearer: str) -> bool:
        """Whether `bearer` may open no other."""
        return self._open.total() >= self._most or self._open[bearer] >= self._most // 2

    def check(self, bearer: str) -> None:
        """
        Raises:
            HttpProblem: 429, there are too many.
        """
        if self.is_full(bearer):
            raise HttpProblem(
                HTTPStatus.TOO_MANY_REQUESTS,
                "too many streams are open",
                "one stream is enough for a client: end those that nobody reads",
                headers={"Retry-After": "5"},
            )

    @contextmanager
    def listening(self, bearer: str) -> Iterator[None]:
        """Counted while the block runs."""
        self._open[bearer] += 1
        try:
            yield
        finally:
            self._open[bearer] -= 1
            if not self._open[bearer]:
                del self._open[bearer]
