"""Certificates as our authority gives them out, and how long one lasts."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Issued:
    """A certificate with its key, as PEM, and its serial number in hex."""

    certificate: str
    key: str
    serial: str


@dataclass(frozen=True, slots=True)
class Validity:
    """How long a certificate lasts: `ends` is epoch seconds."""

    file: str
    subject: str
    ends: float

    def days_left(self, now: float) -> float:
        return (self.ends - now) / 86_400
