"""The one error of the contract: a message that is not part of it."""

from __future__ import annotations

from collections.abc import Sequence

from fleet.contract.vocabulary import Reason


class Rejected(Exception):
    """The contract does not allow this message.

    Attributes:
        reason: why, from the closed list; safe as a counter label.
        field: path made of the contract's own names, `*` for a foreign one; safe in logs and
            on the bus. Empty for the payload as a whole.
        name: the sender's own key that `*` stands for. May hold anything: only for the person who
            typed it.
        allowed: the words that would do here, for a corrected call.
    """

    def __init__(
        self, reason: Reason, field: str = "", *, name: str = "", allowed: Sequence[str] = ()
    ) -> None:
        self.reason = reason
        self.field = field
        self.name = name
        self.allowed = tuple(allowed)
        super().__init__(reason, field)

    def __str__(self) -> str:
        where = f" at {self.field}" if self.field else ""
        return f"{self.reason.value}{where}: {self.reason.meaning}"
