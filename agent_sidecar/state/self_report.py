"""The state that the agent last claimed for itself: it holds until the agent says another, also
over a restart of the sidecar."""

from __future__ import annotations

import logging
from pathlib import Path

from agent_sidecar.files import replace_text
from fleet.contract.vocabulary import State

log = logging.getLogger(__name__)


class SelfReportFile:
    """One word in the file at `path`."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._written: str | None = None

    def load(self) -> State:
        """The state claimed last; `running` where none was, or the file holds no word of ours."""
        try:
            written = self._path.read_text().strip()
            state = State(written)
        except FileNotFoundError:
            return State.RUNNING
        except (OSError, ValueError):
            log.error("%s holds no state; going on as if running", self._path)  # noqa: TRY400 - no defect
            return State.RUNNING
        self._written = written
        return state

    def save(self, state: str) -> None:
        """Keep `state`; a full disk is said and stops nothing."""
        if state == self._written:
            return
        try:
            replace_text(self._path, f"{state}\n")
            self._written = state
        except OSError as error:
            log.warning("%s could not be written: %s", self._path, error.strerror)
