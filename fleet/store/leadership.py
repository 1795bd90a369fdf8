"""Which of several hubs on one store leads. A store that only one hub can open has none of it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final, Protocol

from fleet.store.shared import LiveState, RequestOutbox
from fleet.store.sites import Sites

LEASE: Final = "hub"
"""The name of the lease of whoever leads."""

TTL: Final = 15.0
"""Seconds that a lease lasts: two renewals may fail, and a hub that died is replaced within 20."""

RENEW: Final = 5.0
"""Seconds between renewals."""

LOOK: Final = 2.0
"""Seconds between looks of a hub that waits."""


@dataclass(frozen=True, slots=True)
class Held:
    """A lease as it stands in the store: `left` seconds of it by the store's own clock."""

    holder: str
    epoch: int
    left: float


class Documents(Protocol):
    """Small texts by name, which services of a hub keep for the next one. Calls block.

    Raises:
        LeadershipLostError: another hub writes now.
        StoreError: the store cannot be asked.
    """

    def read(self, name: str) -> str | None: ...

    def write(self, name: str, text: str) -> None: ...


class Leadership(Protocol):
    """One hub's claim to lead. Its calls ask the store, and block meanwhile.

    `holder`: what this hub is called. `epoch`: of the lease that it holds; None: it holds none.
    """

    holder: str
    epoch: int | None

    @property
    def documents(self) -> Documents:
        """What services keep beside the store's own tables."""
        ...

    @property
    def live(self) -> LiveState:
        """What this hub tells those that read beside it."""
        ...

    @property
    def requests(self) -> RequestOutbox:
        """What those were asked to do."""
        ...

    @property
    def sites(self) -> Sites | None:
        """What the sites of the fleet share; None: it has none."""
        ...

    @property
    def is_certain(self) -> bool:
        """Whether nobody else can lead at this moment, by what this hub has seen itself."""
        ...

    def acquire(self) -> Held | None:
        """Take the lease where it is free; who holds it, or None: we do.

        Raises:
            StoreError: the store cannot be asked.
        """
        ...

    def renew(self) -> None:
        """Go on holding it.

        Raises:
            LeadershipLostError: another hub has it.
            StoreError: the store cannot be asked; it may still be ours.
        """
        ...
