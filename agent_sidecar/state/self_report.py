"""The state that the agent last claimed for itself, and the versions that it named: they hold until
it says others, also over a restart of the sidecar."""

from __future__ import annotations

import json
import logging
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Final

from agent_sidecar.files import replace_text
from fleet.contract.patterns import VERSION
from fleet.contract.vocabulary import State

log = logging.getLogger(__name__)

_NAMED: Final = ("agent", "runtime")


class SelfReportFile:
    """A word in the file at `path`, and on a second line versions as JSON, if there are any."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._written: str | None = None

    def load(self) -> tuple[State, dict[str, str]]:
        """The state claimed last, `running` where none was, and the versions; neither, where the
        file holds no words of ours."""
        try:
            written = self._path.read_text()
            word, _, rest = written.partition("\n")
            found = State(word.strip()), _versions(rest)
        except FileNotFoundError:
            return State.RUNNING, {}
        except (OSError, ValueError, TypeError, AttributeError, RecursionError):
            log.error("%s holds no state; going on as if running", self._path)  # noqa: TRY400 - no defect
            return State.RUNNING, {}
        self._written = written
        return found

    def save(self, state: str, versions: Mapping[str, str]) -> None:
        """Keep both; a full disk is said and stops nothing."""
        text = f"{state}\n{json.dumps(dict(versions)) if versions else ''}".strip() + "\n"
        if text == self._written:
            return
        try:
            replace_text(self._path, text)
            self._written = text
        except OSError as error:
            log.warning("%s could not be written: %s", self._path, error.strerror)


def _versions(text: str) -> dict[str, str]:
    """
    Raises:
        ValueError, TypeError, AttributeError, RecursionError: it says something else.
    """
    found = {str(name): version for name, version in json.loads(text or "{}").items()}
    if not all(n in _NAMED and re.fullmatch(VERSION, version) for n, version in found.items()):
        raise ValueError(text[:100])
    return found
