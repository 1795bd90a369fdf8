"""Notices that the hub itself acts on: where signing is on it asks of them what sidecars ask.

An unsigned `maintenance-begin` would silence the whole fleet for hours, whoever published it.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Final

from fleet.contract import signing
from fleet.contract.limits import NOTICE_AGE
from fleet.contract.messages import Announcement
from fleet.contract.rejection import Rejected
from fleet.contract.timestamps import epoch
from fleet.contract.vocabulary import Reason

Keys = Callable[[], Mapping[str, bytes]]
"""Gives the raw public keys that are trusted now, by key id."""

MAX_SEEN: Final = 10_000
"""Ids kept: only what our own keys signed gets so far, so it is a bound for the worst case."""


class TrustedNotices:
    """Judges notices by the keys of this home; without keys the ACL alone is trusted."""

    def __init__(self, keys: Keys | None) -> None:
        self._keys = keys
        self._seen: dict[str, float] = {}

    def is_new(self, topic: str, notice: Announcement, at: float) -> bool:
        """Whether to act on it at `at` (s since the epoch); False: it has come before.

        Raises:
            Rejected: no key of ours signed it, or it is too old (or of the future) to be fresh.
        """
        if self._keys is None:
            return True
        key = self._keys().get(notice.kid or "")
        if key is None or not signing.verify(key, topic, notice.model_dump(exclude_none=True)):
            raise Rejected(Reason.UNTRUSTED, "sig")
        if notice.id in self._seen:  # however late: a broker may keep it for us for days
            return False
        if abs(at - epoch(notice.ts)) > NOTICE_AGE:
            raise Rejected(Reason.UNTRUSTED, "ts")
        self.remember(notice, at)
        return True

    def remember(self, notice: Announcement, at: float) -> None:
        """It was acted on, also by a hub that ran here before."""
        if notice.id is not None:
            if len(self._seen) >= MAX_SEEN:
                self._seen = {id_: end for id_, end in self._seen.items() if end >= at}
            if len(self._seen) < MAX_SEEN:
                self._seen[notice.id] = at + 2 * NOTICE_AGE
