"""What `fleet agent add` prints for the agent's side: how to run a sidecar there."""

from __future__ import annotations

import json
import shlex
from importlib import resources
from pathlib import Path
from typing import Final

from fleet import __version__
from fleet.contract.invitation import ENV, KEY, SECRET, TOKEN, Invitation, env_text
from fleet.contract.service_units import exec_start, start_of
from fleet.contract.vocabulary import Kind

ETC: Final = Path("/etc/fleet")
"""Where the systemd unit and the container look for the files."""

FOLDER: Final = "fleet"
"""What the folder with the credential is called until it is mounted or copied there."""

USER: Final = "10002:10002"
"""Whom the sidecar's image runs as; several agents on one machine had better be several."""


def join_line(invitation: Invitation) -> str:
    """To run on the agent's side; it asks for the secret."""
    return f"agent-sidecar join {shlex.quote(invitation.encode())}"


def shell_lines(invitation: Invitation, folder: str = "/etc/fleet") -> str:
    """The same where no Python is: POSIX sh, for `bus-publish` alone. It asks for the secret."""
    public = {
        name: text for name, text in invitation.files("").items() if name not in (SECRET, KEY)
    }
    public[ENV] = env_text(invitation.env(Path(folder)))
    lines = [f"umask 077; mkdir -p {folder} && cd {folder} || exit 1"]
    for name, text in public.items():
        lines += [f"cat >{name} <<'END'", text.rstrip("\n"), "END"]
    if invitation.certificate:
        lines.append(f"echo 'Paste the private key, then Ctrl-D:' >&2; cat >{KEY}")
        if invitation.hub:  # it stands behind the key, which its readers do not mind
            lines.append(f"grep '^fleet_' {KEY} >{TOKEN}")
    else:
        names = "secret token" if invitation.hub else "secret"
        blank = "' '" if invitation.hub else ""
        lines.append(f"printf 'Secret: ' >&2; stty -echo 2>/dev/null; IFS={blank} read -r {names}")
        lines.append(f"stty echo 2>/dev/null; printf '%s\\n' \"$secret\" >{SECRET}; unset secret")
        if invitation.hub:
            lines.append(f"printf '%s\\n' \"$token\" >{TOKEN}; unset token")
    return "\n".join(lines)


def compose_service(agent: str) -> str:
    """A service for a compose file: non-root, read-only, the files as one read-only mount."""
    return f"""\
services:
  {agent}-sidecar:
    image: fleet-sidecar:{__version__}
    # {FOLDER}/ must belong to it, since nobody else may read there: chown -R {USER} {FOLDER}
    user: "{USER}"
    restart: unless-stopped
    read_only: true
    cap_drop: [ALL]
    security_opt: ["no-new-privileges:true"]
    tmpfs: [/tmp]
    volumes:
      - ./{FOLDER}:{ETC}:ro
      - {agent}-state:/var/lib/fleet
      - {agent}-drop:/run/fleet
    # With the agent's processes in view it can watch one; FLEET_PROCESS in agent.env says which:
    # pid: "service:{agent}"
  # The agent itself needs neither network nor credential for the bus, only:
  # {agent}:
  #   volumes: ["{agent}-drop:/run/fleet"]

volumes:
  {agent}-state:
  {agent}-drop:
"""


def systemd_unit(agent: str) -> str:
    """A unit for `/etc/systemd/system/`; the secret stays a file, it is in no environment.

    It calls the sidecar where this installation has one.
    """
    program = start_of("agent-sidecar", "agent_sidecar")
    return f"""\
# An account of its own, which owns what join wrote, as root:
#     useradd --system --home-dir /var/lib/fleet fleet; chown -R fleet: {ETC}
# Or the agent's account in the place of fleet: only that one's processes can be signalled and
# only its files be read, where they are closed to others.
# ExecStart is where agent-sidecar lies on the hub's machine. Where it lies elsewhere on this one:
#     sed -i "s|^ExecStart=.*|ExecStart=$(command -v agent-sidecar) run|" THIS-FILE
[Unit]
Description=Fleet sidecar of {agent}
Wants=network-online.target
After=network-online.target

[Service]
User=fleet
{exec_start((*program, "run"))}
ExecReload=/bin/kill -HUP $MAINPID
Environment=FLEET_AGENT_ENV={ETC}/{ENV}
Environment=FLEET_HOME=/var/lib/fleet
StateDirectory=fleet
StateDirectoryMode=0700
RuntimeDirectory=fleet/drop
RuntimeDirectoryMode=1733
Restart=always
RestartSec=5
NoNewPrivileges=yes
ProtectSystem=strict
PrivateTmp=yes
ProtectKernelTunables=yes
ProtectControlGroups=yes
RestrictSUIDSGID=yes
UMask=0077

[Install]
WantedBy=multi-user.target
"""


def mcp_snippet(kind: Kind) -> str:
    """For the one agent that operates the fleet: its MCP server, as its kind configures it."""
    server = {"command": "fleet", "args": ["mcp"]}
    if kind is Kind.OPENCLAW:
        return f"openclaw mcp set fleet {shlex.quote(json.dumps(server))}"
    if kind is Kind.NANOBOT:
        return json.dumps({"tools": {"mcpServers": {"fleet": server}}}, indent=2)
    return json.dumps({"mcpServers": {"fleet": server}}, indent=2)


def skill() -> str:
    """The skill `fleet-bus`: how an agent reports its health by one shell command."""
    packaged = resources.files("fleet.provisioning") / "skills" / "fleet-bus" / "SKILL.md"
    source = Path(__file__).parents[2] / "skills" / "fleet-bus" / "SKILL.md"
    return packaged.read_text() if packaged.is_file() else source.read_text()


def files(invitation: Invitation, secret: str, kind: Kind, token: str = "") -> dict[str, str]:
    """Everything as files for one folder, to be carried to the agent's side as it is."""
    agent = invitation.agent
    return {
        **{f"{FOLDER}/{name}": text for name, text in invitation.files(secret, token).items()},
        f"{FOLDER}/{ENV}": env_text(invitation.env(ETC)),
        "compose.yaml": compose_service(agent),
        f"fleet-{agent}.service": systemd_unit(agent),
        "mcp.txt" if kind is Kind.OPENCLAW else "mcp.json": mcp_snippet(kind) + "\n",
        "skills/fleet-bus/SKILL.md": skill(),
    }
