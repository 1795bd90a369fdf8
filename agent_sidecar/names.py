"""Every setting of the sidecar: its name, its default and what it means.

One table feeds the reading of `agent.env`, the errors, `agent-sidecar check` and the docs.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final


@dataclass(frozen=True, slots=True)
class Name:
    """One setting; `default` is text as it would stand in `agent.env`."""

    variable: str
    default: str
    meaning: str


CORE: Final = (
    Name("FLEET_AGENT", "", "name of the agent; also its broker account and client id"),
    Name("FLEET_BROKER", "mqtt://127.0.0.1:1883", "mqtt:// or mqtts://[user@]host[:port]"),
    Name("FLEET_PASSWORD_FILE", "", "0600 file with the agent's broker password"),
    Name("FLEET_CA_FILE", "", "CA certificate for mqtts://; empty: the system's"),
    Name("FLEET_CERT_FILE", "", "client certificate for mTLS"),
    Name("FLEET_KEY_FILE", "", "private key of the client certificate, 0600"),
    Name("FLEET_INTERVAL", "600", "seconds between bus heartbeats, 1 to 86400"),
    Name("FLEET_PREFIX", "fleet", "first topic level of every agent"),
    Name("FLEET_MANAGER", "zephyr", "topic level of the hub"),
    Name("FLEET_HOME", "~/.fleet", "state directory; the sidecar keeps to sidecar/AGENT in it"),
    Name("FLEET_DROP", "/run/fleet/drop", "drop directory shared with the agent; - for none"),
    Name("FLEET_KIND", "", "openclaw, nanobot, rockbot or generic; empty: found by looking"),
    Name("FLEET_COMMAND_KEYS", "", "file with the hub's public keys; commands must be signed then"),
    Name("FLEET_RELOAD", "", "what config-reload does: signal:HUP, an http:// URL or a command"),
    Name("FLEET_ADR", "", "folder with the deployment's own ADRs (amendments)"),
)

PROBES: Final[tuple[Name, ...]] = ()
"""Settings of the probes and thresholds of the alerts."""

ALL: Final = (*CORE, *PROBES)

OTHERS: Final = frozenset({"FLEET_AGENT_ENV", "FLEET_HTTP", "FLEET_TOKEN", "FLEET_TOKEN_FILE"})
"""Settings of the other programs that may stand in the same file."""
