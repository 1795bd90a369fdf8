"""`promtool test rules`: each alert fires on what it is for, and only then."""

from __future__ import annotations

import re
import shutil
import subprocess
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
import yaml

from fleet.contract.vocabulary import AlertCode, HubAlertCode
from fleet.domain.problems import NOT_OK
from fleet.integrations import prometheus
from fleet.integrations.alert_rules import ALARMS
from fleet.metrics.agent_families import FAMILIES, METRIC_PREFIX
from fleet.metrics.hub_families import HUB_FAMILIES


@dataclass(frozen=True)
class Case:
    """Series in promtool's notation, one value a minute; looked at after `minutes`."""

    fires: dict[str, str]
    quiet: dict[str, str]
    labels: dict[str, str] = field(default_factory=dict)
    minutes: int = 20


def constant(series: str, bad: str, good: str, **labels: str) -> Case:
    return Case({series: f"{bad}+0x120"}, {series: f"{good}+0x120"}, labels, 40)


def grows(series: str, **labels: str) -> Case:
    """A counter that jumps once, shortly before the look; and one that never moves."""
    return Case({series: "0x14 5x106"}, {series: "7x120"}, labels, 20)


def problem(code: str, severity: str, agent: str = "ada") -> Case:
    """Fires on the problem; not while it is held back, and not on one with another rule."""
    labels = {"agent": agent, "code": code, "severity": severity}
    inside = ",".join(f'{name}="{value}"' for name, value in labels.items())
    held = f'fleet_problem{{{inside},held="in maintenance"}}'
    other = f'fleet_problem{{agent="{agent}",code="config-drift",severity="info",held="silenced"}}'
    return Case(
        {f'fleet_problem{{{inside},held=""}}': "1x60"}, {held: "1x60", other: "1x60"}, labels
    )


ADA = {"agent": "ada"}
PROBLEM = re.compile(
    r'fleet_problem{agent(?P<agent>!?=)"hub",code(?P<code>[=!]~)"(?P<codes>[^"]+)",held=""} == 1'
)
SLOW = {
    'fleet_command_latency_seconds_bucket{le="5"}': "0x60",
    'fleet_command_latency_seconds_bucket{le="20"}': "0+1x60",
    'fleet_command_latency_seconds_bucket{le="+Inf"}': "0+1x60",
}
QUICK = {**SLOW, 'fleet_command_latency_seconds_bucket{le="5"}': "0+1x60"}

CASES = {
    "FleetHubDown": constant('up{job="fleet"}', "0", "1", job="fleet"),
    "FleetLinkDown": problem("broker-down", "critical", "hub"),
    "FleetLinkFlapping": Case(
        {"fleet_link_losses_total": "0x5 1x5 3x5 6x60"}, {"fleet_link_losses_total": "0x5 1x80"}
    ),
    "FleetIntakePaused": constant("fleet_intake_paused", "1", "0"),
    "FleetStoreDiskLow": constant("fleet_store_free_bytes", "1000000", "9000000000"),
    "FleetStoreDiskFilling": Case(
        {
            "fleet_store_free_bytes": "50000000000-50000000x420",
            "fleet_store_size_bytes": "500000000000x420",
        },
        {
            "fleet_store_free_bytes": "50000000000-50000000x420",  # of this disk it is a third
            "fleet_store_size_bytes": "90000000000x420",
        },
        minutes=400,
    ),
    "FleetAgentOffline": problem("agent-offline", "warning"),
    "FleetAgentStale": problem("agent-stale", "critical"),
    "FleetAgentLate": problem("agent-late", "warning"),
    "FleetAgentDegraded": problem("work:fail", "critical"),
    "FleetAgentGhost": problem("agent-ghost", "warning"),
    "FleetManyAgentsDown": Case(
        {'fleet_agent_up{agent="ada"}': "0x60", 'fleet_agent_up{agent="bob"}': "0x60"},
        {'fleet_agent_up{agent="ada"}': "0x60", 'fleet_agent_up{agent="bob"}': "1x60"},
    ),
    "FleetClockSkew": problem("clock-skew", "warning"),
    "FleetMessagesMissing": problem("seq-gap", "warning"),
    "FleetRejects": grows('fleet_bus_rejects_total{reason="not-json"}', reason="not-json"),
    "FleetDeadLetterFlood": Case(
        {'fleet_bus_rejects_total{reason="not-json"}': "0+120x60"},
        {'fleet_bus_rejects_total{reason="not-json"}': "0+20x60"},
    ),
    "FleetBrokerDropped": grows("fleet_broker_dropped_messages_total"),
    "FleetEventsDropped": grows("fleet_feed_dropped_total"),
    "FleetReceiptsFailing": grows("fleet_receipt_failures_total"),
    "FleetCommandSilent": grows(
        'fleet_commands_total{outcome="silent",verb="health-check"}',
        outcome="silent",
        verb="health-check",
    ),
    "FleetCommandFailed": grows(
        'fleet_commands_total{outcome="failed",verb="config-reload"}',
        outcome="failed",
        verb="config-reload",
    ),
    "FleetCommandForged": grows(
        'fleet_facts_total{fact="command-refused"}', fact="command-refused"
    ),
    "FleetCommandsSlow": Case(SLOW, QUICK),
    "FleetOutboxBacklog": constant(
        'fleet_agent_metric_outbox_messages{agent="ada"}', "5000", "3", **ADA
    ),
    "FleetOutboxDropped": grows('fleet_agent_metric_outbox_dropped_total{agent="ada"}', **ADA),
    "FleetAuditViolation": problem("audit-violation", "critical", "hub"),
    "FleetAclOpen": problem("acl-open", "critical", "hub"),
    "FleetHubClock": problem("hub-clock", "warning", "hub"),
    "FleetHubAlert": problem("disk-pressure", "critical", "hub"),
    "FleetAgentAlert": problem("disk-pressure", "warning"),
    "FleetCapacityLow": problem("capacity-low", "warning"),
    "FleetQuotaNear": problem("quota-near", "critical"),
    "FleetSharedQuotaNear": problem("quota-near", "warning", "hub"),
    "FleetAgentFlood": grows("fleet_messages_left_out_total"),
    "FleetRouteFailing": constant('fleet_route_up{route="oncall"}', "0", "1", route="oncall"),
    "FleetRouteDropped": grows('fleet_route_dropped_total{route="oncall"}', route="oncall"),
    "FleetRouteRefused": constant(
        'fleet_route_set_aside_messages{route="oncall"}', "1", "0", route="oncall"
    ),
    "FleetTasksWait": constant("fleet_task_queue_age_seconds", "1000", "60"),
    "FleetTasksForPeople": constant('fleet_tasks{state="auth-required"}', "1", "0"),
    "FleetTasksLost": grows('fleet_tasks_ended_total{state="lost"}', state="lost"),
    "FleetLeasesExpire": Case(
        {"fleet_task_lease_expiries_total": "0x14 9x106"},
        {"fleet_task_lease_expiries_total": "0x14 1x106"},
    ),
    "FleetRollbackFailed": constant(
        'fleet_rollout_agents{state="rollback-failed"}', "1", "0", state="rollback-failed"
    ),
    "FleetMetricNamesRefused": grows("fleet_metric_names_refused_total"),
}
ALWAYS = {"FleetWatchdog"}


def test_each_alert_has_a_case() -> None:
    assert CASES.keys() | ALWAYS == {alarm.name for alarm in ALARMS}


def problem_rules(agent: str, code: str) -> list[str]:
    """The rules that pass on such a problem."""
    found = []
    for alarm in ALARMS:
        match = PROBLEM.fullmatch(alarm.expr)
        if match is None:
            continue
        of_hub, negated = match["agent"] == "=", match["code"] == "!~"
        named = re.fullmatch(match["codes"], code) is not None
        if of_hub is (agent == "hub") and named is not negated:
            found.append(alarm.name)
    return found


@pytest.mark.parametrize("code", [*AlertCode, *HubAlertCode, NOT_OK, "work:fail", "gpu:fail"])
def test_each_problem_of_an_agent_has_one_rule(code: str) -> None:
    if code not in (HubAlertCode.BROKER_DOWN, HubAlertCode.ACL_OPEN, HubAlertCode.AUDIT_VIOLATION):
        assert len(problem_rules("ada", code)) == 1


@pytest.mark.parametrize(
    "code",
    [HubAlertCode.BROKER_DOWN, HubAlertCode.ACL_OPEN, HubAlertCode.AUDIT_VIOLATION,
     HubAlertCode.HUB_DEAF, HubAlertCode.CREDENTIAL_USED_TWICE, AlertCode.DISK_PRESSURE],
)  # fmt: skip
def test_each_problem_of_the_hub_has_one_rule(code: str) -> None:
    assert len(problem_rules("hub", code)) == 1


def test_the_rules_ask_for_metrics_that_exist() -> None:
    known = {family.name for family in (*FAMILIES, *HUB_FAMILIES)}
    for alarm in ALARMS:
        for name in re.findall(r"\bfleet_[a-z_]+", alarm.expr):
            if not name.startswith(METRIC_PREFIX):
                assert name in known, alarm.name


@pytest.mark.skipif(not shutil.which("promtool"), reason="promtool (package prometheus) is absent")
@pytest.mark.timeout(300)
def test_promtool_proves_each_alert(tmp_path: Path) -> None:
    for name, text in prometheus.files("127.0.0.1:8088").items():
        (tmp_path / name).write_text(text)
    (tmp_path / prometheus.TOKEN).touch(0o600)
    (tmp_path / "tests.yml").write_text(prometheus.dump(document()))
    for words in (
        ("check", "config", "prometheus.yml"),
        ("check", "rules", "--lint=all", "--lint-fatal", prometheus.RULES),
        ("test", "rules", "tests.yml"),
    ):
        done = subprocess.run(
            ["promtool", *words], cwd=tmp_path, capture_output=True, text=True, check=False,
            timeout=250,
        )  # fmt: skip
        assert done.returncode == 0, f"{words}: {done.stdout} {done.stderr}"


def document() -> dict[str, Any]:
    """promtool's test file: two groups an alert."""
    groups = []
    for name, case in CASES.items():
        for series, fires in ((case.fires, True), (case.quiet, False)):
            groups.append(
                {
                    "interval": "1m",
                    "name": f"{name} {'fires' if fires else 'is quiet'}",
                    "input_series": [{"series": s, "values": v} for s, v in series.items()],
                    "alert_rule_test": [
                        {
                            "eval_time": f"{case.minutes}m",
                            "alertname": name,
                            "exp_alerts": [expected(name, case.labels)] if fires else [],
                        }
                    ],
                }
            )
    return {
        "rule_files": [prometheus.RULES],
        "evaluation_interval": "1m",
        "tests": groups,
    }


def expected(name: str, labels: dict[str, str]) -> dict[str, Any]:
    [rule] = [r for group in prometheus.rules()["groups"] for r in group["rules"]
              if r.get("alert") == name]  # fmt: skip

    def filled(text: str) -> str:
        return re.sub(r"{{ \$labels\.(\w+) }}", lambda match: labels[match[1]], text)

    return {
        "exp_labels": {**labels, "severity": filled(rule["labels"]["severity"])},
        "exp_annotations": {key: filled(text) for key, text in rule["annotations"].items()},
    }


def test_the_rules_file_is_plain_yaml() -> None:
    text = prometheus.files("127.0.0.1:8088")[prometheus.RULES]
    assert yaml.safe_load(text) == prometheus.rules()


def test_every_hub_is_scraped_with_a_token() -> None:
    [near] = prometheus.configuration("127.0.0.1:8088")["scrape_configs"]
    [far] = prometheus.configuration("10.0.0.7:8088")["scrape_configs"]
    assert near["authorization"] == {"credentials_file": prometheus.TOKEN}
    assert far["authorization"] == {"credentials_file": prometheus.TOKEN}
