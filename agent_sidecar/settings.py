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
    Name(
        "FLEET_BROKER",
        "mqtt://127.0.0.1:1883",
        "mqtt:// or mqtts://[user@]host[:port]; several by comma",
    ),
    Name("FLEET_PASSWORD_FILE", "", "0600 file with the agent's broker password"),
    Name("FLEET_CA_FILE", "", "CA certificate for mqtts://; empty: the system's"),
    Name("FLEET_CERT_FILE", "", "client certificate for mTLS"),
    Name("FLEET_KEY_FILE", "", "private key of the client certificate, 0600"),
    Name("FLEET_INTERVAL", "600", "seconds between bus heartbeats, 1 to 86400"),
    Name("FLEET_PREFIX", "fleet", "first topic level of every agent"),
    Name("FLEET_MANAGER", "zephyr", "topic level of the hub"),
    Name("FLEET_HOME", "~/.fleet", "state directory; the sidecar keeps to sidecar/AGENT in it"),
    Name("FLEET_DROP", "/run/fleet/drop", "drop directory shared with the agent; - for none"),
    Name("FLEET_EVENTS_A_DAY", "400", "states and alerts that an agent may say itself in a day"),
    Name("FLEET_KIND", "", "openclaw, nanobot, hermes, rockbot or generic; empty: looked for"),
    Name("FLEET_COMMAND_KEYS", "", "file with the hub's public keys; commands must be signed then"),
    Name(
        "FLEET_HUB_SILENT",
        "",
        "command that is run, with the word `silent` or `back`, when the hub falls silent for 3 "
        "intervals and when it is heard again",
    ),
    Name("FLEET_RELOAD", "", "what config-reload does: signal:HUP, an http:// URL or a command"),
    Name("FLEET_ADR", "", "folder with the deployment's own ADRs (amendments)"),
)

PROBES: Final = (
    Name("FLEET_PID_FILE", "", "file with the agent's pid: a number, or JSON with `pid`"),
    Name("FLEET_PROCESS", "", "name of the agent's program, where there is no pid file"),
    Name("FLEET_ENDPOINT", "", "health endpoint that answers JSON, http:// or https://"),
    Name("FLEET_ENDPOINT_SLOW", "1", "seconds from which an answer is slow: a warning"),
    Name("FLEET_ENDPOINT_TIMEOUT", "5", "seconds after which there is no answer: a failure"),
    Name("FLEET_CONTAINER", "", "name or id of the agent's container"),
    Name("FLEET_DOCKER", "/var/run/docker.sock", "socket of the Docker daemon"),
    Name("FLEET_UNIT", "", "the agent's systemd unit"),
    Name("FLEET_WORK_FILES", "", "files that advance with useful work; patterns, by comma"),
    Name(
        "FLEET_WORK_STALLED",
        "0",
        "seconds without useful work that are a failure; 0: only a job that is overdue is",
    ),
    Name("FLEET_SCHEDULE", "yes", "watch that the agent's own jobs run when due; - for no"),
    Name(
        "FLEET_CRON_FILES", "", "files with the exit code of a job's last run; patterns, by comma"
    ),
    Name("FLEET_IDLE_AFTER", "3600", "seconds without user work after which tokens are idle cost"),
    Name("FLEET_IDLE_TOKENS", "20000", "idle tokens an hour that raise idle-cost; 0: never"),
    Name("FLEET_ERROR_RATE", "50", "percent of failed model calls that raises error-rate"),
    Name("FLEET_DISK", "~", "a path on the file system to watch; - for none"),
    Name("FLEET_DISK_WARN", "90", "percent used that is a warning"),
    Name("FLEET_DISK_FAIL", "97", "percent used that is a failure"),
    Name("FLEET_MEMORY", "yes", "watch memory; - for no"),
    Name("FLEET_MEMORY_WARN", "90", "percent used that is a warning"),
    Name("FLEET_MEMORY_FAIL", "97", "percent used that is a failure"),
    Name(
        "FLEET_PROFILE", "", "configuration and profile files or folders to fingerprint, by comma"
    ),
    Name(
        "FLEET_INSTANCE",
        "",
        "which of several instances: its folder, profile or configuration file",
    ),
    Name("FLEET_AGENT_HOME", "", "the agent's own folder; empty: its usual place"),
)
"""Settings of the probes and thresholds of the alerts."""

WORK: Final = (
    Name("FLEET_WORK", "", "0600 TOML file: which kinds of task run here, and how"),
    Name("FLEET_HUB", "", "address of the hub for work, https://HOST[:PORT]"),
    Name("FLEET_TOKEN_FILE", "", "0600 file with the agent's own token at the hub"),
)
"""Settings of work by reference."""

PAIR: Final = (
    Name("FLEET_PAIR", "", "0600 TOML file: the pair that the agent is in, and how it lays down"),
)
"""Settings of failover."""

ALL: Final = (*CORE, *PROBES, *WORK, *PAIR)

OTHERS: Final = frozenset({"FLEET_AGENT_ENV", "FLEET_HTTP", "FLEET_TOKEN"})
"""Settings of the other programs that may stand in the same file."""
