"""Which exposition a scraper takes, by its `Accept` header (RFC 9110, 12.5.1)."""

from __future__ import annotations

from typing import Final

OPENMETRICS: Final = "application/openmetrics-text"
_TEXT: Final = ("text/plain", "text/*", "*/*")
"""What the plain form goes by, the most exact first."""


def prefers_openmetrics(accept: str) -> bool:
    """Whether OpenMetrics is named, not refused by `q=0`, and liked no less than plain text. Who
    names neither gets plain text, which everybody reads."""
    weights = _weights(accept)
    liked = weights.get(OPENMETRICS, 0.0)
    plain = next((weights[name] for name in _TEXT if name in weights), 0.0)
    return liked > 0.0 and liked >= plain


def _weights(accept: str) -> dict[str, float]:
    """The best weight of each media type."""
    weights: dict[str, float] = {}
    for item in accept.split(","):
        name, *parameters = (part.strip().lower() for part in item.split(";"))
        weights[name] = max(weights.get(name, 0.0), _weight(parameters))
    return weights


def _weight(parameters: list[str]) -> float:
    for parameter in parameters:
        name, _, value = parameter.partition("=")
        if name.strip() == "q":
            try:
                weight = float(value.strip())
            except ValueError:
                return 0.0
            return weight if 0.0 <= weight <= 1.0 else 0.0
    return 1.0
