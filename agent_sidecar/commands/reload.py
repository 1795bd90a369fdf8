"""The reload action: configured beside the agent, never named by the bus.

Three forms: `signal:HUP` (to the agent's process), an `http://` URL (POST), or a command line,
which is split into words and run without a shell.
"""

from __future__ import annotations

import logging
import shlex
import signal
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

from fleet.contract import trusted_path
from fleet.contract.errors import ConfigError
from fleet.contract.named_process import FindPid, send
from fleet.contract.vocabulary import ReplyCode
from fleet.contract.web_address import refuse_login

log = logging.getLogger(__name__)

TIMEOUT: Final = 30.0
"""Seconds a reload may take; OpenClaw's own config check takes up to three."""


@dataclass(frozen=True, slots=True)
class ReloadAction:
    """A reload action that was read and understood; run it in a thread of its own."""

    text: str
    run: Callable[[], ReplyCode]


def parse(text: str, find_pid: FindPid, timeout: float = TIMEOUT) -> ReloadAction:
    """The action that `text` describes.

    Raises:
        ConfigError: an unknown signal, or a command line with an open quote.
    """
    if text.startswith("signal:"):
        number = _signal(text.removeprefix("signal:"))
        return ReloadAction(text, lambda: _send_signal(find_pid, number))
    if text.startswith(("http://", "https://")):
        refuse_login(text, "FLEET_RELOAD", "FLEET_RELOAD=http://127.0.0.1:8080/reload")
        return ReloadAction(text.partition("?")[0], lambda: _post(text, timeout))
    try:
        argv = shlex.split(text)
    except ValueError as error:
        raise ConfigError(
            "the reload command is not usable", str(error), 'FLEET_RELOAD="nginx -s reload"'
        ) from None
    return ReloadAction(argv[0], lambda: _run(argv, timeout))


def _signal(name: str) -> signal.Signals:
    try:
        return signal.Signals[f"SIG{name.upper().removeprefix('SIG')}"]
    except KeyError:
        raise ConfigError(
            f"FLEET_RELOAD names no signal: {name!r}", "", "FLEET_RELOAD=signal:HUP"
        ) from None


def _send_signal(find_pid: FindPid, number: signal.Signals) -> ReplyCode:
    try:
        send(find_pid, number)
    except ProcessLookupError:
        return _failed(
            "no process of the agent is known: FLEET_PID_FILE or FLEET_PROCESS names it, "
            "and who can write a pid file names only processes of his own"
        )
    except OSError as error:
        return _failed(f"{number.name} to the agent's process: {error.strerror}")
    return ReplyCode.OK


def _post(url: str, timeout: float) -> ReplyCode:
    """No proxy and no redirect: the action is for this agent and nobody else."""
    from http.client import HTTPConnection, HTTPException, HTTPSConnection
    from urllib.parse import urlsplit

    parts = urlsplit(url)
    make = HTTPSConnection if parts.scheme == "https" else HTTPConnection
    connection = make(parts.hostname or "", parts.port, timeout=timeout)
    try:
        connection.request("POST", f"{parts.path or '/'}{parts.query and '?' + parts.query}", b"")
        status = connection.getresponse().status
    except TimeoutError:
        return ReplyCode.ACTION_TIMEOUT
    except (OSError, HTTPException) as error:
        return _failed(f"no answer: {getattr(error, 'strerror', None) or type(error).__name__}")
    finally:
        connection.close()
    return ReplyCode.OK if 200 <= status < 300 else _failed(f"it answers HTTP {status}")


def _run(argv: list[str], timeout: float) -> ReplyCode:
    """Its output goes nowhere: it may hold anything."""
    from agent_sidecar import bounded_run

    try:
        ended = bounded_run.run(argv, timeout)
    except trusted_path.UntrustedPathError as error:
        return _failed(f"{error.what}: {error.why}")
    except OSError as error:
        return _failed(f"{argv[0]}: {error.strerror}")
    if ended.code is None:
        return ReplyCode.ACTION_TIMEOUT
    return ReplyCode.OK if ended.code == 0 else _failed(f"{argv[0]} ended with code {ended.code}")


def _failed(why: str) -> ReplyCode:
    """The bus has a code for it; why is told on this machine only."""
    log.warning("the reload action failed: %s", why)
    return ReplyCode.ACTION_FAILED
