"""Whether a broker retains messages, where it does not say so.

One of MQTT 5 states it, or gives it as the reason of a refusal. One of 3.1.1 only hangs up, as on
much else: so the next attempt goes without, and what is acknowledged then shows that this was it.
"""

from __future__ import annotations

from typing import Final

FORGET_AFTER: Final = 3600.0
"""Seconds after which what was only guessed is tried again."""


class Retaining:
    """What is known of one broker.

    Attributes:
        possible: whether messages may be retained, as far as is known.
        given: whether the broker was given something to retain, and has not answered yet.
    """

    def __init__(self) -> None:
        self.possible = True
        self.given = False
        self._without_since: float | None = None
        self._unproved = False

    def connected(self, stated: bool | None) -> None:
        """A link came about; `stated` is what the broker says of it, if it says anything."""
        self.given = False
        if stated is not None:
            self.possible, self._without_since = stated, None

    def lost(self, now: float, *, refused: bool, silent: bool) -> bool:
        """The link ended, or none came about: whether to try at once without retaining anything.
        It is `refused`, as the broker says, or the broker hung up, `silent`."""
        given, self.given = self.given, False
        failed, self._unproved = self._unproved, False
        since = self._without_since
        if refused and self.possible:
            self.possible = False
            return True
        if failed or (since is not None and now - since >= FORGET_AFTER):
            self.possible, self._without_since = True, None
        elif silent and given and self.possible:
            self.possible, self._without_since, self._unproved = False, now, True
            return True
        return False

    def acknowledged(self) -> bool:
        """A publish was taken: whether it is known only now that nothing may be retained."""
        self.given = False
        shown, self._unproved = self._unproved, False
        return shown
