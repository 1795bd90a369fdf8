"""Whatever tries again waits by `fleet.contract.backoff`, and by nothing else.

Every wait in the code is either one of that, or a rhythm: a look at something near, which costs
nobody else anything. Rhythms are listed here with what they look at. Who adds a wait decides.
"""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.unit.test_import_flow import FILES, tree

WAITS = {"sleep", "call_later"}

RHYTHMS = {
    "agent_sidecar/check.py": "whether the probes have answered",
    "agent_sidecar/commands/config_reload.py": "whether the agent took its file up, for seconds",
    "agent_sidecar/lock.py": "whether the process before us let go of its lock, for some seconds",
    "agent_sidecar/mcp/tools.py": "whether a task has ended that a model waits for",
    "agent_sidecar/pair/guard.py": "whether a lease is over, by this machine's clock",
    "agent_sidecar/supervise/process_tree.py": "whether processes that were killed are gone",
    "agent_sidecar/supervise/watchdog.py": "whether processes that were killed are gone",
    "agent_sidecar/work/update/container.py": "whether a container stays, for three seconds",
    "agent_sidecar/work/descendants.py": "whether processes that were killed are gone",
    "fleet/acl/known_agents.py": "what came to a client in memory, for seconds",
    "fleet/acl/self_check.py": "the proof of the broker's rules, every so often",
    "fleet/cli/rollout.py": "the next picture of a watched rollout",
    "fleet/rollouts/service.py": "time alone changes rollouts; what fails is tried a second later",
    "fleet/api/app.py": "gives way to a hub that starts, between two routers",
    "fleet/api/agent_lists.py": "gives way to the rest of the loop",
    "fleet/api/cooperative.py": "gives way to the rest of the loop",
    "fleet/api/forwarded.py": "rows of the store, which the hub looks at anyway",
    "fleet/api/forwarding.py": "rows of the store, for an answer, for seconds",
    "fleet/auditor/weekly.py": "the link's state in memory; the next week's audit",
    "fleet/bus/in_process.py": "gives way to the rest of the loop",
    "fleet/bus/local_broker.py": "whether our own broker has started, for some seconds",
    "fleet/bus/mqtt5_connection.py": "MQTT's keep-alive",
    "fleet/tck/link.py": "commands no faster than a sidecar must take them",
    "fleet/capacity/hours.py": "gives way to the rest of the hub",
    "fleet/capacity/watch.py": "forecasts anew, every so often; gives way to the rest of the hub",
    "fleet/certificate_watch.py": "certificates in our own files, and the broker's, every so often",
    "fleet/cli/command.py": "the pause between batches that the caller asks for",
    "fleet/cli/demo/observer.py": "the demo's own parts",
    "fleet/cli/demo/play.py": "the demo's own parts",
    "fleet/cli/demo/swarm.py": "the demo's own parts",
    "fleet/cli/monitor_tui.py": "the screen",
    "fleet/cli/status.py": "--watch: a question in the rhythm that a person asks for",
    "fleet/cli/task.py": "--wait: a question in a rhythm, of a hub that answers",
    "fleet/commander/commander.py": "commands in memory whose time is over, or that were answered",
    "fleet/commander/enrolment_sync.py": "the date of a file",
    "fleet/http/server.py": "whether a connection of ours was closed; HTTP callers wait meanwhile",
    "fleet/http/revocations.py": "the date of a file",
    "fleet/hub/follower.py": "what the hub that leads has stored, each half second",
    "fleet/api/other_sites.py": "what other sites have stored, and how old that is by now",
    "fleet/sites/names.py": "whose list has changed; what fails is tried with the next look",
    "fleet/sites/watch.py": "which sites are lost, in memory",
    "fleet/hub/live_state.py": "the word of each second of the hub that leads",
    "fleet/failover/service.py": "what was heard of the agents of pairs, twice a second",
    "fleet/hub/clock_keeper.py": "the machine's own clocks",
    "fleet/hub/hub.py": "time itself",
    "fleet/hub/due_alerts.py": "alerts in memory that are due",
    "fleet/hub/leading.py": "a lease in the store, renewed in a rhythm that its length demands",
    "fleet/hub/ingest.py": "gives way to the rest of the loop",
    "fleet/hub/broker_statistics.py": "after a bridge came up, once what it carries at first is in",
    "fleet/provisioning/accounts_upkeep.py": "whether each broker has the accounts that it should",
    "fleet/hub/link_log.py": "once, whether the broker has told of itself",
    "fleet/hub/repeated_receipts.py": "each agent its turn in a minute",
    "fleet/hub/free_memory.py": "gives way to the rest of the loop",
    "fleet/hub/receipts.py": "how long receipts gather",
    "fleet/hub/maintenance_windows.py": "what time alone opens",
    "fleet/work/offer_sender.py": "how far apart one agent's offers are",
    "fleet/notifier/dead_man.py": "the monitor elsewhere expects it in a rhythm",
    "fleet/notifier/notifier.py": "how often what fires is repeated",
    "fleet/hub/store_upkeep.py": "upkeep of the store",
    "fleet/work/service.py": "leases and times to live that are over",
    "fleet/provisioning/https.py": "the dates of two files",
    "fleet/retained.py": "whether retained messages still come, for some seconds",
}
"""What is looked at in a rhythm, by file."""

CHANCE = {
    "fleet/contract/backoff.py": "the rule itself",
    "fleet/contract/broker_choice.py": "handed to the rule; when the first of several is looked at",
    "agent_sidecar/mqtt/sender.py": "handed to the rule",
    "fleet/hub/presence.py": "a number that tells one hub's question from another's",
    "agent_sidecar/supervise/supervisor.py": "handed to the rule",
    "agent_sidecar/runner.py": "when the next heartbeat is due",
    "agent_sidecar/telemetry/publisher.py": "when a hub that is back is answered",
}
"""Who may roll dice, by file."""


TWO = {"2", "2.0"}


def by_the_rule(path: Path) -> set[str]:
    """Names in `path` that are given what the rule answers."""
    names: set[str] = set()
    for node in ast.walk(tree(path)):
        if isinstance(node, ast.Assign) and ".failed(" in ast.unparse(node.value):
            names |= {target.id for target in node.targets if isinstance(target, ast.Name)}
        if isinstance(node, ast.Assign) and "patience.wait(" in ast.unparse(node.value):
            names |= {target.id for target in node.targets if isinstance(target, ast.Name)}
    return names


def waits(path: Path) -> Iterator[str]:
    """What each wait in `path` waits for that is not the rule's."""
    known = by_the_rule(path)
    for node in ast.walk(tree(path)):
        if not isinstance(node, ast.Call) or not isinstance(node.func, ast.Attribute):
            continue
        if node.func.attr in WAITS and node.args:
            text = ast.unparse(node.args[0])
            if ".failed(" not in text and text not in known:
                yield text


@pytest.mark.parametrize("path", FILES, ids=str)
def test_a_wait_is_the_rules_or_a_rhythm_that_is_listed(path: Path) -> None:
    found = list(waits(path))
    assert not found or str(path) in RHYTHMS, f"{path} waits for {found} by a rule of its own"


@pytest.mark.parametrize("path", FILES, ids=str)
def test_nobody_else_doubles_a_wait_or_rolls_dice(path: Path) -> None:
    for node in ast.walk(tree(path)):
        if isinstance(node, ast.Import) and "random" in [alias.name for alias in node.names]:
            assert str(path) in CHANCE
        if isinstance(node, ast.BinOp) and isinstance(node.op, ast.Pow):
            grows = not isinstance(node.right, ast.Constant) and ast.unparse(node.left) in TWO
            assert not grows or path.name == "backoff.py", ast.unparse(node)


@pytest.mark.parametrize("listed", [RHYTHMS, CHANCE], ids=["rhythms", "chance"])
def test_what_is_listed_is_there(listed: dict[str, str]) -> None:
    for name in listed:
        path = Path(name)
        assert path in FILES
        assert list(waits(path)) or "import random" in ast.unparse(tree(path)), name


def test_no_client_reconnects_by_a_rule_of_its_library() -> None:
    """paho does if it is let, with no chance in its waits and at once after each success."""
    for path in FILES:
        text = ast.unparse(tree(path))
        assert "reconnect_delay_set" not in text, path
        if "mqtt.Client(" in text:
            assert "reconnect_on_failure=False" in text, path
