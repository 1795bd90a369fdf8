"""What to do about each alert: one short page a code, for models and people alike."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final

from fleet.contract.vocabulary import AlertCode, HubAlertCode

STEPS: Final[dict[str, tuple[str, ...]]] = {
    AlertCode.AUTH_FAILURE: (
        "Renew the agent's provider credential.",
        "config-reload, then describe.",
    ),
    AlertCode.CONFIG_INVALID: (
        "Undo the last change of the agent's configuration.",
        "config-reload.",
    ),
    AlertCode.CRON_FAILURE: (
        "Look at the agent's own job log.",
        "health-check after the next run.",
    ),
    AlertCode.DISK_PRESSURE: ("Free space on the agent's disk.", "health-check."),
    AlertCode.ENDPOINT_DOWN: (
        "describe: does the process plane pass?",
        "If so it hangs: restart it.",
    ),
    AlertCode.ERROR_RATE: ("Look at the provider's status page.", "Compare with other agents."),
    AlertCode.IDLE_COST: (
        "Look for a heartbeat or job that calls the model.",
        "Lengthen its period.",
    ),
    AlertCode.MEMORY_PRESSURE: ("Restart the agent in a quiet hour.", "Raise its memory limit."),
    AlertCode.PROCESS_DOWN: ("Look at the agent's log and start it.", "health-check."),
    AlertCode.QUEUE_BACKLOG: (
        "describe: is the link to the broker lost?",
        "Is the hub's disk full?",
    ),
    AlertCode.RESTART_LOOP: (
        "Look at the agent's log: it dies after its start.",
        "Undo its update.",
    ),
    AlertCode.RATE_LIMITED: ("Spread the agent's work or raise its quota.",),
    AlertCode.UPDATE_AVAILABLE: ("Plan an update; try one agent first.", "versions afterwards."),
    AlertCode.VERSION_DRIFT: ("Restart the agent so that the installed version runs.",),
    AlertCode.WORK_STALLED: ("describe: are the channels connected?", "Restart the agent."),
    HubAlertCode.AGENT_LATE: ("Wait one interval.", "If it gets stale: see agent-stale."),
    HubAlertCode.AGENT_STALE: ("Is its machine up, and the network?", "health-check when it is."),
    HubAlertCode.AGENT_OFFLINE: ("Was it stopped on purpose?", "If not: start agent and sidecar."),
    HubAlertCode.AGENT_GHOST: (
        "Somebody publishes without being enrolled: fleet agent list.",
        "fleet agent add where it belongs; one that only spoke once: fleet agent forget.",
    ),
    HubAlertCode.AGENT_DEGRADED: (
        "describe: which planes fail? Look at the agent's log.",
        "None fails: the agent itself says so, by ok=false or its state. Whoever sends its "
        "heartbeats knows why.",
        "It ends when the agent says that it is well, or raises an alert of its own.",
    ),
    HubAlertCode.CLOCK_SKEW: ("Start time synchronisation on the agent's machine.",),
    HubAlertCode.SEQ_GAP: ("Messages were lost: look at the broker's limits.", "fleet doctor."),
    HubAlertCode.TELEMETRY_DISSENT: (
        "describe: ok says one thing, its checks another? Then the agent contradicts its sidecar "
        "by bus-publish: agent-sidecar check, there.",
        "Else Docker or systemd does not say what the bus says: fleet verify AGENT.",
    ),
    HubAlertCode.CONFIG_DRIFT: ("versions shows who differs.", "Was the change meant?"),
    HubAlertCode.AUDIT_VIOLATION: (
        "audit shows the rules.",
        "fleet audit report names the fields.",
    ),
    HubAlertCode.BROKER_DOWN: ("Start the broker.", "fleet doctor."),
    HubAlertCode.HUB_DEAF: (
        "Is the hub's machine overloaded, or its disk slow? It cannot keep up with what comes in.",
        "fleet doctor; until this ends nobody who falls silent is told.",
    ),
    HubAlertCode.CREDENTIAL_USED_TWICE: (
        "Of an agent: a copied state directory, container or machine? End one of the two sidecars, "
        "or give it a name of its own: fleet agent add.",
        "Of the hub: end the other hub on this broker, then restart this one.",
        "Neither is yours? Somebody has the credential: fleet agent rotate AGENT.",
        "For half an hour after it ended last wills of that agent are not believed: its death is "
        "told as agent-stale then, not at once.",
    ),
    HubAlertCode.ACL_OPEN: (
        "Take the broker off the network.",
        "fleet broker secure; fleet acl test.",
    ),
    HubAlertCode.HUB_CLOCK: (
        "Set the clock of the hub's machine right: timedatectl shows it. No agent is at fault.",
        "It is right already? Then the hub believes it once agents speak, or a person vouches for "
        "it: fleet serve --trust-clock.",
        "Meanwhile nothing is deleted; what agents say is stored and judged as always.",
    ),
    HubAlertCode.STORE_DOWN: (
        "Is the database up, and does the hub's machine reach it? Its own log says more.",
        "Nothing is lost meanwhile: the broker keeps what the hub has not acknowledged, as far as "
        "its queue limits go. The hub goes on by itself.",
    ),
    HubAlertCode.SITE_LOST: (
        "fleet site list says what is missing: its hub, or its broker.",
        "Is the network to that site up? Its hubs need the database, and its agents its broker.",
        "Its agents are unknown meanwhile, and no alert is told of each. It ends by itself.",
    ),
    HubAlertCode.FAILOVER: (
        "Its standby took over: fleet pair show says since when and why.",
        "It ends when this agent is back as the standby; fleet pair failover changes them again.",
    ),
    HubAlertCode.FAILOVER_MANUAL: (
        "fleet pair show NAME says why, and what then.",
        "Is the agent that was active really stopped? Nobody could make sure: look at its machine.",
        "One that was promoted and did not begin: try `activate` of its pair file there.",
    ),
    HubAlertCode.FAILOVER_FROZEN: (
        "Is it the broker or the network? fleet doctor.",
        "No pair changes until the fleet is heard again.",
    ),
    HubAlertCode.CERTIFICATE_EXPIRY: (
        "Of an agent: fleet agent rotate, then the new join line, then --finish.",
        "Of the hub: fleet broker certificates; --renew, then restart the broker.",
    ),
    HubAlertCode.QUOTA_NEAR: (
        "forecast shows which limit, how much of it is used, and when all of it will be.",
        "Of the hub: the limit is of a group or of the whole fleet.",
        "Is it work that was meant? Raise the limit in [quotas] of fleet.toml. Else stop the agent "
        "that spends: the hub only tells, it stops nobody.",
    ),
    HubAlertCode.CAPACITY_LOW: (
        "forecast shows what is left and when it ends.",
        "Free space or memory on the agent's machine, or give it more.",
        "It ends when a quarter is free again, or the week does not go down any more.",
    ),
}
"""Alert code → steps, in order."""


LOOK: Final = "fleet status {agent}"
PROBE: Final = "fleet command health-check {agent}"
VERSIONS: Final = "fleet command version-report {agent}"
RELOAD: Final = "fleet command config-reload {agent}"
EXAMINE: Final = "fleet doctor"

COMMANDS: Final[dict[str, str]] = {
    AlertCode.AUTH_FAILURE: RELOAD,
    AlertCode.CONFIG_INVALID: RELOAD,
    AlertCode.CRON_FAILURE: PROBE,
    AlertCode.DISK_PRESSURE: PROBE,
    AlertCode.ENDPOINT_DOWN: LOOK,
    AlertCode.ERROR_RATE: "fleet history --agent {agent} --hourly",
    AlertCode.IDLE_COST: "fleet history --agent {agent} --hourly",
    AlertCode.MEMORY_PRESSURE: "fleet history --agent {agent} --hourly",
    AlertCode.PROCESS_DOWN: PROBE,
    AlertCode.QUEUE_BACKLOG: EXAMINE,
    AlertCode.RESTART_LOOP: "fleet history --agent {agent}",
    AlertCode.RATE_LIMITED: "fleet history --agent {agent} --hourly",
    AlertCode.UPDATE_AVAILABLE: VERSIONS,
    AlertCode.VERSION_DRIFT: VERSIONS,
    AlertCode.WORK_STALLED: LOOK,
    HubAlertCode.AGENT_LATE: LOOK,
    HubAlertCode.AGENT_STALE: "fleet verify {agent}",
    HubAlertCode.AGENT_OFFLINE: "fleet verify {agent}",
    HubAlertCode.AGENT_GHOST: "fleet agent list",
    HubAlertCode.AGENT_DEGRADED: LOOK,
    HubAlertCode.CLOCK_SKEW: LOOK,
    HubAlertCode.SEQ_GAP: EXAMINE,
    HubAlertCode.TELEMETRY_DISSENT: "fleet verify {agent}",
    HubAlertCode.CONFIG_DRIFT: "fleet alerts ack {agent} config-drift",
    HubAlertCode.AUDIT_VIOLATION: "fleet audit report",
    HubAlertCode.BROKER_DOWN: EXAMINE,
    HubAlertCode.HUB_DEAF: EXAMINE,
    HubAlertCode.CREDENTIAL_USED_TWICE: "fleet agent rotate {agent}",
    HubAlertCode.ACL_OPEN: "fleet acl test",
    HubAlertCode.HUB_CLOCK: EXAMINE,
    HubAlertCode.STORE_DOWN: EXAMINE,
    HubAlertCode.SITE_LOST: "fleet site list",
    HubAlertCode.FAILOVER: "fleet pair list",
    HubAlertCode.FAILOVER_MANUAL: "fleet pair list",
    HubAlertCode.FAILOVER_FROZEN: EXAMINE,
    HubAlertCode.CERTIFICATE_EXPIRY: "fleet broker certificates",
    HubAlertCode.QUOTA_NEAR: "fleet forecast",
    HubAlertCode.CAPACITY_LOW: "fleet forecast {agent}",
}
"""Alert code → the command to type next; `{agent}` is the agent. Where the hub has an alert that
names one, it is `EXAMINE`."""


def page(code: str, meaning: str) -> str:
    """One runbook as Markdown."""
    steps = "\n".join(f"{number}. {step}" for number, step in enumerate(STEPS[code], 1))
    return f"# {code}\n\n{meaning}.\n\n{steps}\n"


def runbooks(added: Iterable[str]) -> dict[str, str]:
    """A page for every alert code: the contract's, and those that the deployment has added."""
    return RUNBOOKS | {code: f"# {code}\n\n{OF_THE_DEPLOYMENT}\n" for code in added}


OF_THE_DEPLOYMENT: Final = (
    "A code of this deployment. What it means and what to do stands in the ADR that adds it: "
    "fleet adr list."
)

RUNBOOKS: Final = {code.value: page(code, code.meaning) for code in (*AlertCode, *HubAlertCode)}
