"""What may be wrong with a request about a pair."""

from __future__ import annotations

from fleet.domain.work.errors import WorkError


class PairError(WorkError):
    """It cannot be done with this pair as it is; nothing was changed."""

    code = "pair"
    status = 409


class UnknownPairError(PairError):
    """There is no such pair."""

    code = "unknown-pair"
    status = 404

    def __init__(self, name: str) -> None:
        super().__init__(f"there is no pair {name}", "", "fleet pair list")
