"""What the task of an update says, beyond what every task says: see `adr/0030-rollouts.md`.

The order travels as a blob, never on the bus; the bus carries a percent, and that is a step.
"""

from __future__ import annotations

import json
import re
from dataclasses import dataclass
from typing import Any, Final, Self

from fleet.contract.patterns import VERSION
from fleet.contract.vocabulary import Word

MAX_ORDER: Final = 1024
"""Bytes of an order."""

VERSION_TEXT: Final = re.compile(VERSION)


class UpdateStep(Word):
    """The steps of an update; `progress` says which one it is at."""

    PRECHECK = "precheck", "looks whether it may, and what runs"
    SNAPSHOT = "snapshot", "keeps what a rollback needs"
    INSTALLING = "installing", "puts the version in place, and starts it"
    VERIFYING = "verifying", "looks at what runs now"
    ROLLING_BACK = "rolling-back", "puts the version before in place, and starts it"

    @property
    def percent(self) -> int:
        """What `progress` is from this step on."""
        return 5 + 20 * self.rank


class UpdateAction(Word):
    """What an order asks for."""

    INSTALL = "install", "bring the agent to the version"
    ROLL_BACK = "roll-back", "bring it back to the version before"


@dataclass(frozen=True, slots=True)
class UpdateOrder:
    """What the one input of an update's task holds.

    Attributes:
        version: what is to run in the end.
        rollout: the rollout that asks, a ULID.
        leaving: of a way back: the version that it is to leave; empty: unknown.
    """

    action: UpdateAction
    version: str
    rollout: str
    leaving: str = ""

    def to_json(self) -> bytes:
        return json.dumps(
            {
                "action": self.action.value,
                "version": self.version,
                "rollout": self.rollout,
                "leaving": self.leaving,
            }
        ).encode()

    @classmethod
    def parse(cls, text: bytes) -> Self:
        """
        Raises:
            ValueError: it is none.
        """
        if len(text) > MAX_ORDER:
            raise ValueError("too long")
        found: Any = json.loads(text)
        known = found if isinstance(found, dict) else {}
        version, rollout, leaving = (known.get(name) for name in ("version", "rollout", "leaving"))
        if not (isinstance(version, str) and isinstance(rollout, str) and isinstance(leaving, str)):
            raise ValueError("no order")  # noqa: TRY004 - what is no order is said in one way
        order = cls(UpdateAction(str(known.get("action"))), version, rollout, leaving)
        is_empty_allowed = order.action is UpdateAction.ROLL_BACK and not order.version
        if not (is_plain(order.version) or is_empty_allowed):
            raise ValueError("no version")
        if order.leaving and not is_plain(order.leaving):
            raise ValueError("no version")
        return order


def is_plain(version: str) -> bool:
    """Whether it is one word that no program takes for an option, and that names a folder of its
    own: `..` does not."""
    return VERSION_TEXT.fullmatch(version) is not None and version[0].isalnum()
