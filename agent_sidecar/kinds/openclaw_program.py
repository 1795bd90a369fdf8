"""The package that an OpenClaw gateway runs from: its version on the disk, and its command line.

The gateway hides its own command line behind its title; the workers that it starts do not. The
command line is run only as the user that the gateway runs as: as another one it would leave files
behind that the gateway cannot use, and as root it would be the agent's code with root's rights.
"""

from __future__ import annotations

import json
import logging
import os
import re
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from agent_sidecar import bounded_run
from agent_sidecar.bounded_run import Ended, which
from agent_sidecar.kinds.documents import load, text
from agent_sidecar.probes.other_namespaces import as_seen_by, has_own_files
from agent_sidecar.probes.processes import command_line, table
from fleet.contract import trusted_path
from fleet.contract.named_process import owners
from fleet.contract.patterns import VERSION

log = logging.getLogger(__name__)

PATIENCE: Final = 20.0
"""Seconds that a command may take: two are usual, on a busy machine many."""

_MOST: Final = 8 * 1024 * 1024
"""Bytes of an answer: each job comes with its whole prompt."""

_INSIDE: Final = re.compile(r"(?P<package>/.*/openclaw)/(?:dist/.*|openclaw\.mjs)")


@dataclass(frozen=True, slots=True)
class Program:
    """The package of one gateway; `pid` is asked at each look, and None is elsewhere or nowhere."""

    pid: Callable[[], int | None]
    state: Path
    settings: Path

    def installed(self) -> str | None:
        """The version that the next start will run."""
        package = self.package()
        document = load(package / "package.json") if package else {}
        version = text(document, "version")
        named = text(document, "name") == "openclaw"
        return version if named and re.fullmatch(VERSION, version) else None

    def package(self) -> Path | None:
        """The folder that the gateway's own modules come from; else that of `openclaw` on PATH."""
        pid = self.pid()
        if pid is None:
            return None  # it may run elsewhere, from another package
        family = [pid, *(child.pid for child in table().descendants(pid))]
        for word in (word for one in family for word in command_line(one)):
            if found := _INSIDE.fullmatch(word):
                return as_seen_by(pid, Path(found["package"]))
        program = None if has_own_files(pid) else which("openclaw")
        with suppress(OSError, RuntimeError):
            return Path(program).resolve().parent if program else None
        return None

    def ask(self, *words: str) -> Any:
        """What a command of it prints as JSON; None where it may not be run or says nothing."""
        ended = self._run(words, _MOST)
        if ended is None or ended.code != 0:
            return None
        with suppress(ValueError, RecursionError):
            return json.loads(ended.output)
        return None

    def accepts(self) -> bool | None:
        """Whether it takes the configuration as it stands; None: it cannot be asked."""
        ended = self._run(("config", "validate"), 0)
        return None if ended is None or ended.code is None else ended.code == 0

    def _run(self, words: Sequence[str], most: int) -> Ended | None:
        package, node = self.package(), self._node()
        if package is None or node is None:
            return None
        kept = {name: text for name, text in os.environ.items() if not name.startswith("FLEET_")}
        environ = {
            **kept,
            "OPENCLAW_STATE_DIR": str(self.state),
            "OPENCLAW_CONFIG_PATH": str(self.settings),
            "NO_COLOR": "1",
        }
        try:
            trusted_path.require(package / "openclaw.mjs")
            argv = [node, str(package / "openclaw.mjs"), *words]
            return bounded_run.run(argv, PATIENCE, most, environ)
        except (OSError, trusted_path.UntrustedPathError) as error:
            log.info("OpenClaw's own command line is not asked: %s", type(error).__name__)
            return None

    def _node(self) -> str | None:
        """What the gateway itself runs on; None where it runs as another user, in a container, or
        nowhere."""
        pid = self.pid()
        if pid is None or owners(pid) != {os.geteuid()} or has_own_files(pid):
            return None
        with suppress(OSError):
            return os.readlink(f"/proc/{pid}/exe").removesuffix(" (deleted)")  # noqa: PTH115
        return which("node")
