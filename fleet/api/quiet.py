"""Silences and maintenance as the HTTP interface tells and takes them."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING, Final

from fleet.api.backend import JsonObject, PastError, SilenceRequest, UnknownCodeError
from fleet.contract.timestamps import timestamp, ulid
from fleet.domain.alert_codes import AlertCodes
from fleet.domain.alerts import AlertBook
from fleet.domain.silences import Silence, planned
from fleet.hub.maintenance_windows import MaintenanceWindows

if TYPE_CHECKING:
    from fleet.hub.committer import Committer
    from fleet.hub.hub import Hub

LATE: Final = 60.0
"""Seconds that a beginning may be over: a time that is typed names a minute."""

HIDDEN: Final = 100
"""Alerts that an answer lists of one silence; the rest is counted."""


class Quiet:
    """What holds alerts back in a running hub."""

    def __init__(self, hub: Hub, maintenance: MaintenanceWindows) -> None:
        self._committer = hub.committer
        self._roster = hub.roster
        self._maintenance = maintenance
        self._codes = AlertCodes(hub.settings.added_words())

    def listed(self, others: Iterable[tuple[str, Committer]] = ()) -> JsonObject:
        """In force with what each hides, planned, and the windows of the settings; of the `others`,
        which are of other sites, what is in force."""
        book, now = self._committer.book, self._committer.now()
        to_come = sorted((s for s in book.planned.values() if not s.ended), key=lambda s: s.begun)
        return {
            "silences": [
                *(_with_hidden(silence, book) for silence in book.silences.values()),
                *(
                    _with_hidden(silence, other.book) | {"site": site}
                    for site, other in others
                    for silence in other.book.silences.values()
                ),
            ],
            "planned": [silence.as_dict() for silence in to_come],
            "windows": [window.as_dict(now) for window in self._maintenance.windows],
        }

    async def begin(self, wanted: SilenceRequest) -> str:
        """The id of what begins, now or later.

        Raises:
            KeyError: nobody belongs to the scope.
            PastError: it was to begin before now.
            UnknownCodeError: no alert has its code.
        """
        if wanted.code and wanted.code not in self._codes:
            raise UnknownCodeError(self._codes.like(wanted.code))
        members = self._roster.members(wanted.scope) if wanted.scope else frozenset[str]()
        if wanted.scope and not members:
            raise KeyError(wanted.scope)
        now = self._committer.now()
        if wanted.begins is not None and wanted.begins < now - LATE:
            raise PastError(timestamp(now))
        begins = now if wanted.begins is None else max(now, wanted.begins)
        later = wanted.maintenance or wanted.begins is not None
        silence = Silence(
            planned(ulid(now)) if wanted.maintenance else ulid(now),
            begins + wanted.seconds,
            wanted.agent,
            wanted.code,
            wanted.by,
            wanted.scope,
            members,
            begins if later else None,
        )
        self._committer.silence(silence)
        await self._committer.write()
        return silence.id

    async def end(self, silence_id: str) -> bool:
        """False if there is none of that id."""
        done = self._committer.lift(silence_id)
        if done:
            await self._committer.write()
        return done


def _with_hidden(silence: Silence, book: AlertBook) -> JsonObject:
    hidden = [
        {"agent": alert.agent or None, "code": alert.code}
        for alert in book.firing()
        if silence.covers(alert.agent, alert.code, alert.severity)
    ]
    more = max(0, len(hidden) - HIDDEN)
    return silence.as_dict() | {"hides": hidden[:HIDDEN], "hides_more": more}
