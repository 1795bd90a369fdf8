"""When the drop directory is looked at: at once when the system wakes us, else by asking often."""

from __future__ import annotations

import logging
import time
from collections.abc import Mapping
from typing import TYPE_CHECKING, Final

from agent_sidecar.config import Config
from agent_sidecar.drop.directory import BATCH, MAX_FILES, Deliver, DropDirectory
from fleet.contract.errors import FleetError
from fleet.contract.schema_validator import SchemaValidator
from fleet.contract.vocabulary import MessageKind

if TYPE_CHECKING:
    from agent_sidecar.inotify import DirectoryWatch

log = logging.getLogger(__name__)

RESCAN: Final = 30.0
"""Seconds between looks when nothing wakes us: a file system may forget to, and the folder may
have been removed and made again."""

POLL: Final = 0.08
"""Seconds between looks where nothing can wake us, or something is left: below the 100 ms that
a message may wait."""

EARLY: Final = RESCAN / 3
"""Seconds before a look with nothing new is due from which on it is done when somebody is awake
anyway, who then need not be woken for it."""


class DropWatcher:
    """The way in for messages from the agent; without a usable folder it stays shut.

    Raises:
        FleetError: a drop directory that was asked for is not usable.
    """

    def __init__(
        self,
        config: Config,
        validators: Mapping[MessageKind, SchemaValidator],
        added: Mapping[str, tuple[str, ...]] | None = None,
    ) -> None:
        self._agent = config.agent
        self._added = added
        self._watch: DirectoryWatch | None = None
        self._drop: DropDirectory | None = None
        self._due = self._early = 0.0
        self._lost = False
        path = config.path("FLEET_DROP")
        if path is None or str(path) == "-":
            return
        drop = DropDirectory(path, validators, config.interval)
        try:
            self._open(drop)
        except FleetError as error:
            if config.origins.get("FLEET_DROP") != "default":
                raise
            log.warning("%s; going on without it", str(error).splitlines()[0])
            return
        self._drop = drop

    def _open(self, drop: DropDirectory) -> None:
        drop.open()
        drop.claim(self._agent, self._added)
        try:
            from agent_sidecar.inotify import DirectoryWatch

            self._watch = DirectoryWatch(drop.folder)
        except (ImportError, OSError) as error:
            log.warning(
                "nothing wakes us for %s (%s): looking every %g s", drop.folder, error, POLL
            )

    def _open_again(self, drop: DropDirectory) -> bool:
        """Take up messages from the folder that has come in the place of ours."""
        self.close()
        try:
            self._open(drop)
        except FleetError as error:
            if not self._lost:
                log.warning("%s; looking for it every %g s", str(error).splitlines()[0], RESCAN)
            self._lost = True
            return False
        log.warning("the drop directory %s had gone; it is taken up again", drop.folder)
        self._lost = False
        return True

    @property
    def rejected(self) -> int:
        return sum(self._drop.rejected.values()) if self._drop else 0

    @property
    def due(self) -> float | None:
        """When to look next (monotonic s)."""
        return self._due if self._drop else None

    def look(self, now: float, deliver: Deliver) -> None:
        """Give what waits to `deliver`, if it is time to."""
        drop = self._drop
        if drop is None or now < self._due - self._early:
            return
        again = drop.scan(time.time(), deliver)
        if not (again or drop.is_there()):
            again = self._open_again(drop)
        blind = self._watch is None and not self._lost
        self._due, self._early = (now + POLL, 0.0) if again or blind else (now + RESCAN, EARLY)

    def renew(self, _now: float = 0.0) -> None:
        """Say to publishers that what they drop is taken up."""
        if self._drop is not None:
            self._drop.renew()

    def retire(self, deliver: Deliver) -> None:
        """Say that it is no longer, then take up what came before that."""
        drop = self._drop
        if drop is None:
            return
        drop.retire()
        for _ in range(MAX_FILES // BATCH + 1):
            if not drop.scan(time.time(), deliver):
                return

    def descriptors(self) -> list[int]:
        return [self._watch.fileno()] if self._watch else []

    def woken(self, ready: set[int]) -> set[int]:
        """Note a wake-up of ours; the descriptors that are not ours."""
        if self._watch is not None and self._watch.fileno() in ready:
            self._watch.drain()
            self._due = 0.0
            return ready - {self._watch.fileno()}
        return ready

    def close(self) -> None:
        if self._watch is not None:
            self._watch.close()
            self._watch = None
        if self._drop is not None:
            self._drop.close()
