"""`agent-sidecar exec`: where its files are, and what runs beside the agent."""

from __future__ import annotations

from agent_sidecar.config import Config
from agent_sidecar.kinds import kind_of
from agent_sidecar.supervise.restart import Restart
from agent_sidecar.supervise.supervisor import Supervisor, sidecar_command
from fleet.contract.errors import FleetError
from fleet.contract.trusted_path import make_folder


def supervise(config: Config, command: tuple[str, ...], restart: str, *, no_sidecar: bool) -> int:
    """Run `command` until it ends for good; its exit code.

    Raises:
        FleetError: the state directory cannot be made, or another one supervises the agent.
    """
    folder = config.state / "agent"
    try:
        make_folder(folder)
    except OSError as error:
        why = error.strerror or ""
        raise FleetError(f"{folder} cannot be made", why, "set FLEET_HOME") from None
    pid_file = config.path("FLEET_PID_FILE") or folder / "pid"
    sidecar = None if no_sidecar else sidecar_command(config, kind_of(config), pid_file)
    own = config.state / "exec"
    return Supervisor(command, own, pid_file, Restart(restart), sidecar).run()
