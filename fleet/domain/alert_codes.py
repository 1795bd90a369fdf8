"""Which codes can be silenced: what is silenced by a name that nobody raises holds nothing back."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from fleet.contract.amendments import VOCABULARIES
from fleet.contract.errors import closest
from fleet.domain.problems import NOT_OK


class AlertCodes:
    """The alert codes of the contract, and those that a deployment's own ADRs add."""

    def __init__(self, added: Mapping[str, Sequence[str]]) -> None:
        """`added`: the words of accepted ADRs, by vocabulary."""
        self._codes = {*VOCABULARIES["alert_codes"], *added.get("alert_codes", ()), NOT_OK}

    def __contains__(self, code: object) -> bool:
        return code in self._codes

    def like(self, code: str) -> str:
        """The known code that was probably meant; empty: none is near."""
        return closest(code, sorted(self._codes))
