"""`agent-sidecar mcp`: the tools of work for the agent's own model, on stdio."""

from __future__ import annotations

import os
import sys

from agent_sidecar.config import Config
from agent_sidecar.mcp.hub import DelegatingHub
from agent_sidecar.mcp.protocol import Server
from agent_sidecar.mcp.tools import INSTRUCTIONS, WorkTools
from agent_sidecar.work.beside import hub_address
from agent_sidecar.work.hub import TASK_ID
from agent_sidecar.work.work_file import read
from fleet.contract.errors import ConfigError
from fleet.contract.printable import log_to_stderr


def serve(config: Config, task: str | None) -> None:
    """Until the end of standard input.

    Args:
        task: the task that the agent works at; None: what its worker's environment says.

    Raises:
        ConfigError: something it needs is not usable.
    """
    log_to_stderr()
    task = task or os.environ.get("TASK_ID", "")
    if task and not TASK_ID.fullmatch(task):
        raise ConfigError(f"task {task!r} is not usable", "it is no ULID", "agent-sidecar mcp")
    path = config.path("FLEET_WORK")
    plain_http = path is not None and read(path).plain_http
    hub = DelegatingHub(*hub_address(config, "agent-sidecar mcp", plain_http=plain_http))
    tools = WorkTools(hub, task)
    Server(tools.table(), INSTRUCTIONS, sys.stdout).serve(sys.stdin.buffer)
