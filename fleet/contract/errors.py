"""The root of every error that a person is meant to read."""

from __future__ import annotations

from collections.abc import Iterable

from fleet.contract.printable import printable


class FleetError(Exception):
    """Something a person can mend: what happened, why, and what to try.

    Both programs print it as two lines on stderr and exit with `exit_code` (3: Nagios reads 2
    as CRITICAL, so trouble with the call itself must not look like trouble with the fleet).
    What a broker, a hub or a file said stands in it: no more than two lines, whatever they hold.
    """

    exit_code = 3

    def __init__(self, what: str, why: str = "", remedy: str = "") -> None:
        self.what = what
        self.why = why
        self.remedy = remedy
        super().__init__(what, why, remedy)

    def __str__(self) -> str:
        first = printable(f"{self.what}: {self.why}" if self.why else self.what)
        return f"{first}\nTry: {printable(self.remedy)}" if self.remedy else first


class ConfigError(FleetError):
    """A setting, file or argument is not usable."""


class BrokerError(FleetError):
    """The broker cannot be reached or refuses us."""


class RefusedError(BrokerError):
    """The broker understood and refuses; to ask again changes nothing."""


def closest(word: str, known: Iterable[str]) -> str:
    """The one of the `known` words that was probably meant; empty: none is near."""
    from difflib import get_close_matches  # only where something is wrong

    return next(iter(get_close_matches(word, list(known), 1)), "")
