"""What the sites of a fleet share: who they are, whose each agent's name is, and who tells that one
of them is lost.

A site is a broker with a hub or two; all sites keep their stores in one database, each its own
part. Calls block. A store in a home has none of it.
"""

from __future__ import annotations

from collections.abc import Collection
from typing import Final, Protocol

SUBJECT: Final = "site:"
"""Before the name of a site where it stands for an agent, as in an alert: no agent is called so."""


class Sites(Protocol):
    """For the hub of a site that leads.

    Raises:
        LeadershipLostError: another hub leads at this site.
        StoreError: the store cannot be asked.
    """

    def names(self) -> list[str]:
        """Every site, by its name."""
        ...

    def keep(self, agents: Collection[str]) -> dict[str, str]:
        """These are the agents of this site: their names are its own from now on, and those of
        others that left are free. Names that another site has, with that site."""
        ...

    def tells_of(self, lost: Collection[str]) -> set[str]:
        """Of the sites that are lost, those whose loss this one is to tell: one site tells of each,
        and another one where that is lost as well. Of the others nobody tells any more."""
        ...
