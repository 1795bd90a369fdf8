"""Opens the maintenance windows of the settings, and keeps who belongs to a group or site."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Final

from fleet.domain.windows import Window

if TYPE_CHECKING:
    from fleet.hub.hub import Hub

PAUSE: Final = 1.0
"""Seconds between looks; cron knows minutes, and alerts wait longer before they are told."""


class MaintenanceWindows:
    """A service of the hub. They close by themselves, as every silence that has an end."""

    name = "maintenance"

    def __init__(self, hub: Hub, windows: Sequence[Window]) -> None:
        self._committer = hub.committer
        self._roster = hub.roster
        self.windows = windows
        self._looked: float | None = None

    async def run(self) -> None:
        self._close_unknown()
        while True:
            if self._open() | self._follow_members():
                await self._committer.write()
            await asyncio.sleep(PAUSE)

    def _close_unknown(self) -> None:
        """A window that was taken out of the settings holds back no longer."""
        names = {window.name for window in self.windows}
        for silence in list(self._committer.book.silences.values()):
            if silence.is_window and silence.window not in names:
                self._committer.lift(silence.id)

    def _open(self) -> bool:
        """Whether one was opened."""
        book, now = self._committer.book, self._committer.now()
        minute = now // 60
        if minute == self._looked:
            return False
        self._looked = minute
        opened = False
        for window in self.windows:
            silence = window.open_at(now)
            if silence and silence.id not in book.silences and silence.id not in book.planned:
                members = self._roster.members(silence.scope)
                self._committer.silence(replace(silence, members=members))
                opened = True
        return opened

    def _follow_members(self) -> bool:
        """Whether somebody came or went."""
        book, changed = self._committer.book, False
        if not self._roster.has_list:  # not read yet, or nobody keeps one
            return False
        for silence in (*book.silences.values(), *book.planned.values()):
            if not silence.scope:
                continue
            members = self._roster.members(silence.scope)
            if members != silence.members:
                self._committer.silence(replace(silence, members=members))
                changed = True
        return changed
