"""Whether somebody else works under our client id, told by how our links end.

A broker ends the older of two connections of one client id. MQTT 5 has a reason for that (0x8E);
Mosquitto 2.0.11, and any broker in 3.1.1, hangs up without a word. Two who both come back show
all the same: up, then lost at once, again and again, and the broker still listens in the moment
in which it hangs up. One that died does not, however soon it is started again. Whoever was there
first has lived when the other comes, so that the other gives way.
"""

from __future__ import annotations

from typing import Final

from fleet.contract.backoff import STEADY

SUDDEN: Final = 20.0
"""Seconds of life below which a loss without a word is a sign: the other one tries again within
few seconds at first."""

TURNS: Final = 3
"""Signs in a row from which on it is taken as sure; one less is worth telling."""


FIRST_RETURN, LAST_RETURN = 2 * SUDDEN, 900.0
"""Seconds until who gave way looks whether the place is free, at first and at most: so late that
the other's next loss is no sign to it, and in the end so seldom that this costs it little. Who ends
the other and starts this one again waits for nothing."""


class Takeovers:
    """Counts the signs. `patience`: how many of them make it sure."""

    def __init__(self, patience: int = TURNS) -> None:
        self._patience = patience
        self._signs = 0

    @property
    def likely(self) -> bool:
        """Whether it is worth telling."""
        return self._signs >= self._patience - 1 and self._signs > 0

    @property
    def sure(self) -> bool:
        """Whether we should give way: somebody else has our place, and comes back each time."""
        return self._signs >= self._patience

    def lost(self, lived: float, *, said: bool = False, silent: bool = False) -> None:
        """A link ended after `lived` s: the broker `said` that another client has our place, or
        hung up without giving any reason, though it was there still in that moment (`silent`)."""
        if lived >= STEADY:
            self._signs = 0
        elif said or (silent and lived < SUDDEN):
            self._signs += 1
        elif not self.sure:
            self._signs = 0

    def settled(self) -> None:
        """A link has lasted, or the broker was away meanwhile: what was seen no longer counts."""
        self._signs = 0
