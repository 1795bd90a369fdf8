"""Mosquitto as we want it in production: its configuration, its program, its plugin.

Every line that is not a path has its reason beside it, since people will edit the file.
"""

from __future__ import annotations

import os
import shutil
import signal
import socket
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from fleet.broker_kind import BrokerKind
from fleet.bus.connection import IN_FLIGHT
from fleet.bus.own_broker import TABLE
from fleet.contract.errors import ConfigError
from fleet.contract.free_port import free_port_after
from fleet.contract.named_process import may_name, send
from fleet.settings import Settings

PLUGIN: Final = "mosquitto_dynamic_security.so"
_PLUGIN_FOLDERS: Final = ("/usr/lib", "/usr/lib64", "/usr/local/lib", "/opt/homebrew/lib", "/opt")
_PROGRAM_FOLDERS: Final = "/usr/sbin:/usr/local/sbin:/opt/homebrew/sbin"


@dataclass(frozen=True, slots=True)
class Plan:
    """Where the broker listens and keeps its things.

    Attributes:
        names: host names and addresses in its certificate; agents are told the first.
        bind: address of the TLS listeners. The plain one is on loopback, always.
        local_port, tls_port, mtls_port: 0 leaves that listener out.
    """

    home: Path
    names: tuple[str, ...] = ("localhost", "127.0.0.1")
    bind: str = "127.0.0.1"
    local_port: int = 1883
    tls_port: int = 8883
    mtls_port: int = 0

    @property
    def folder(self) -> Path:
        return self.home / "broker"

    @property
    def config_file(self) -> Path:
        return self.folder / "mosquitto.conf"

    @property
    def seed_file(self) -> Path:
        return self.folder / "dynamic-security.json"

    @property
    def hub_password(self) -> Path:
        return self.folder / "hub.password"

    @property
    def admin_password(self) -> Path:
        return self.folder / "admin.password"

    @property
    def pid_file(self) -> Path:
        return self.folder / "mosquitto.pid"

    @property
    def listeners(self) -> tuple[tuple[str, int], ...]:
        """Addresses and ports that are listened on."""
        every = (
            ("127.0.0.1", self.local_port),
            (self.bind, self.tls_port),
            (self.bind, self.mtls_port),
        )
        return tuple((address, port) for address, port in every if port)

    def table(self) -> dict[str, Any]:
        """As it stands in `fleet.toml`."""
        return {
            "names": list(self.names),
            "bind": self.bind,
            "local_port": self.local_port,
            "tls_port": self.tls_port,
            "mtls_port": self.mtls_port,
        }


def plan_of(settings: Settings) -> Plan:
    """The plan in the settings' table, or the default one.

    Raises:
        ConfigError: a value of the wrong type or an unknown key.
    """
    table: Mapping[str, Any] = settings.tables.get(TABLE, {})
    default = Plan(settings.home)
    wanted = default.table()
    for key, value in table.items():
        if key not in wanted or type(value) is not type(wanted[key]):
            raise ConfigError(
                f"{key} in the table [{TABLE}] is not usable",
                f"{value!r}",
                "; ".join(f"{known} = {sample!r}" for known, sample in wanted.items()),
            )
        wanted[key] = value
    return Plan(settings.home, **(wanted | {"names": tuple(wanted["names"])}))


def runs_here(settings: Settings) -> bool:
    """Whether this home has a Mosquitto of its own, which `fleet broker up` runs."""
    return TABLE in settings.tables or Plan(settings.home).config_file.exists()


def may_share_ids(settings: Settings) -> bool:
    """Whether the broker may give all clients of the hub's account one client id: not one of this
    home, nor NATS, which binds ids to nobody."""
    if settings.broker_kind in (BrokerKind.NATS, BrokerKind.EMBEDDED):
        return False
    return bool(settings.broker.user or settings.cert_file) and not runs_here(settings)


def find_program() -> str:
    """
    Raises:
        ConfigError: Mosquitto is not installed.
    """
    found = shutil.which("mosquitto") or shutil.which("mosquitto", path=_PROGRAM_FOLDERS)
    if found is None:
        remedy = "apt-get install mosquitto, or brew install mosquitto"
        raise ConfigError("Mosquitto is not installed", "no program mosquitto on PATH", remedy)
    return found


def find_plugin(folders: Sequence[str] = _PLUGIN_FOLDERS) -> Path:
    """The dynamic security plugin; `FLEET_DYNSEC_PLUGIN` names one elsewhere.

    Raises:
        ConfigError: there is none.
    """
    named = os.environ.get("FLEET_DYNSEC_PLUGIN")
    if named:
        return Path(named)
    for folder in folders:
        for pattern in (PLUGIN, f"*/{PLUGIN}", f"*/*/{PLUGIN}"):
            for path in sorted(Path(folder).glob(pattern)):
                return path
    raise ConfigError(
        "Mosquitto's dynamic security plugin is not installed",
        f"no {PLUGIN} in {', '.join(folders)}",
        "install Mosquitto 2, or name the file in FLEET_DYNSEC_PLUGIN",
    )


def configuration(plan: Plan, plugin: Path, user: str) -> str:
    """The text of `mosquitto.conf`."""
    sections = [_HEAD, _security(plan, plugin)]
    if plan.local_port:
        sections.append(_LOCAL.format(port=plan.local_port))
    ca = plan.home / "ca"
    if plan.tls_port:
        sections.append(_TLS.format(port=plan.tls_port, bind=plan.bind, ca=ca))
    if plan.mtls_port:
        sections.append(_MTLS.format(port=plan.mtls_port, bind=plan.bind, ca=ca))
    sections.append(_LIMITS.format(folder=plan.folder, user=user, in_flight=IN_FLIGHT))
    return "\n".join(sections)


def check_ports(plan: Plan, hub: str) -> None:
    """A second Mosquitto would take the first one's pid file away with it when it fails. `hub` is
    the hub's account.

    Raises:
        ConfigError: somebody listens on a port of the plan, or the address is not ours.
    """
    for address, port in plan.listeners:
        try:
            family, kind, _, _, place = socket.getaddrinfo(
                address, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE
            )[0]
            with socket.socket(family, kind) as probe:
                probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
                probe.bind(place)
        except OSError as error:
            raise ConfigError(
                f"the broker cannot listen on {address}:{port}",
                error.strerror or str(error),
                f"fleet doctor says whether it runs already; or {_another(plan, hub, port)} "
                "in fleet.toml, then fleet broker config --write",
            ) from None


def _another(plan: Plan, hub: str, port: int) -> str:
    """What to write for a port that is taken: all that says it. If only the table changed, the hub
    would still go to the old one, whoever listens there."""
    if port == plan.local_port:
        free = free_port_after(port, "127.0.0.1")
        return f'broker = "mqtt://{hub}@127.0.0.1:{free}" and under [{TABLE}] local_port = {free}'
    name = "tls_port" if port == plan.tls_port else "mtls_port"
    return f"{name} = {free_port_after(port, plan.bind)} under [{TABLE}]"


def reload(plan: Plan) -> bool:
    """Make a broker of ours read certificates and CRL again; False where none runs here."""
    try:
        send(lambda: _broker(plan.pid_file), signal.SIGHUP)
    except OSError:
        return False
    return True


def _broker(pid_file: Path) -> int | None:
    """The process that the file names, if it is still a Mosquitto: a broker that was killed leaves
    its file behind, and the number may be another's by now. Where there is no /proc, the file is
    believed."""
    try:
        pid = int(pid_file.read_text())
        if Path("/proc/self/comm").exists():
            name = Path(f"/proc/{pid}/comm").read_text()
        else:
            name = "mosquitto"
    except (OSError, ValueError):
        return None
    return pid if "mosquitto" in name and may_name(pid_file, pid) else None


def _security(plan: Plan, plugin: Path) -> str:
    return (
        "# Nobody without an account; what no role allows is forbidden, receiving too.\n"
        "per_listener_settings false\n"
        "allow_anonymous false\n"
        f"plugin {plugin}\n"
        f"plugin_opt_config_file {plan.seed_file}\n"
    )


_HEAD: Final = """\
# Made by `fleet broker config`. The accounts are in dynamic-security.json, which the broker
# writes itself: use `fleet agent`, never an editor.
"""

_LOCAL: Final = """\
# For the hub on this machine. Plain, so on loopback only.
listener {port} 127.0.0.1
"""

_TLS: Final = """\
# For agents that log in by password.
listener {port} {bind}
certfile {ca}/server.pem
keyfile {ca}/server.key
tls_version tlsv1.2
"""

_MTLS: Final = """\
# For agents that log in by certificate: its common name is user name and client id, whatever the
# client says. The CRL is read again on SIGHUP.
listener {port} {bind}
cafile {ca}/ca.pem
certfile {ca}/server.pem
keyfile {ca}/server.key
crlfile {ca}/crl.pem
tls_version tlsv1.2
require_certificate true
use_identity_as_username true
use_username_as_clientid true
"""

_LIMITS: Final = """\
# A message of the fleet has at most 4 KiB; enrolment sends batches of up to 8.
message_size_limit 8192
# Topic, payload, and what MQTT 5 lets stand beside them: Mosquitto can only bound that.
max_packet_size 8448
# The default, 100, acknowledges and drops the rest of a burst. A queued message costs 544 bytes.
max_queued_messages 1000000
# A gigabyte a session ends what a flood can take; sidecars send again what is not confirmed.
max_queued_bytes 1073741824
# As many as the hub takes before it has committed them.
max_inflight_messages {in_flight}
# Without it a command takes 44 to 88 ms instead of one.
set_tcp_nodelay true
# Half-open connections end; MQTT 5 clients are told.
max_keepalive 120
# A session outlives the longest time to live of a command, 7 days.
persistent_client_expiration 8d

persistence true
persistence_location {folder}/data/
# Seconds. What a crash can lose of this is sent again: sidecars wait for the hub's receipt.
autosave_interval 5

pid_file {folder}/mosquitto.pid
user {user}
sys_interval 10
# Who connects, for the hub alone: `fleet agent rotate` watches it. No payload is ever logged.
connection_messages true
log_type error
log_type warning
log_type notice
log_dest stderr
log_dest topic
"""
