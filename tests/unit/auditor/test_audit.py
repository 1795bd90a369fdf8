"""Messages in, findings out."""

from __future__ import annotations

import json
import math
from collections import Counter
from dataclasses import asdict

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from fleet.auditor.audit import Audit
from fleet.auditor.finding_log import MAX_FINDINGS
from fleet.contract.fields import Message
from fleet.contract.messages import MODELS
from fleet.contract.reserved import DOCTOR, PROBES, payload, round_trip
from fleet.contract.signing import key_id, sign
from fleet.contract.topics import STATES, Topics
from fleet.contract.vocabulary import MessageKind, Severity
from tests.support.audits import NOON, TS, an_audit, beat, beat_rules, examine, findings, rules


def examples() -> list[tuple[MessageKind, dict[str, object]]]:
    found: list[tuple[MessageKind, dict[str, object]]] = []
    for kind, models in MODELS.items():
        each: tuple[type[Message], ...] = models if isinstance(models, tuple) else (models,)
        found += [(kind, example) for model in each for example in model.examples]
    return found


@pytest.mark.parametrize(("kind", "example"), examples())
def test_every_example_of_the_contract_is_clean(kind: MessageKind, example: dict[str, object]):
    assert findings(Topics().of(kind, "alpha"), example) == []


def test_the_seed_one_liner_is_clean():
    assert findings("fleet/alpha/heartbeat", {"ok": True, "ts": TS, "uptime": 86400}) == []


@pytest.mark.parametrize(
    ("payload", "rule"),
    [
        (b'{"ok":true,"ts":"2026-03-18T21:30:00Z","zone":1}', "contract.unknown-field"),
        (
            b'{"ok":true,"ts":"2026-03-18T21:30:00Z","checks":{"disk":"full"}}',
            "contract.unknown-word",
        ),
        (b'{"ok":true,"ts":"2026-03-18T21:30:00Z","uptime":' + b"0" * 5000, "contract.size"),
        (b"not json", "contract.malformed"),
        (b"\xff\xfe", "contract.malformed"),
        (b'{"ok":true}', "contract.malformed"),
    ],
)
def test_what_the_contract_rejects_is_a_violation(payload: bytes, rule: str):
    assert rule in rules("fleet/alpha/heartbeat", payload)


def test_a_topic_outside_the_contract_is_a_violation():
    assert "contract.unknown-topic" in rules("fleet/alpha/chat", b"{}")
    assert "contract.unknown-topic" in rules("elsewhere", b"")


@pytest.mark.parametrize("kind", sorted(set(MessageKind) - set(STATES)))
def test_what_is_of_its_moment_is_never_retained(kind: MessageKind):
    payload = next(example for of, example in examples() if of is kind)
    topic = Topics().of(kind, "alpha")
    assert rules(topic, payload, retain=True) == {"traffic.retained-command"}
    assert rules(topic, payload, retain=False) == set()


def test_erasing_the_state_of_an_enrolled_agent_is_told_and_erasing_a_retained_command_is_not():
    assert rules("fleet/alpha/status", b"") == {"retained.cleared"}
    assert rules("fleet/alpha/status", b"", enrolled=frozenset({"beta"})) == set()
    assert rules("fleet/alpha/command", b"", retain=True) == set()


def test_retained_state_of_an_agent_that_is_not_enrolled_is_a_ghost():
    enrolled = frozenset({"alpha"})
    assert rules("fleet/beta/heartbeat", beat(), retain=True, enrolled=enrolled) == {
        "retained.ghost"
    }
    assert rules("fleet/alpha/heartbeat", beat(), retain=True, enrolled=enrolled) == set()


def test_what_a_revoked_namesake_left_may_be_cleared():
    topic, enrolled = "fleet/alpha/status", frozenset({"alpha"})
    for since, told in ((NOON + 1, set()), (NOON - 1, {"retained.cleared"})):
        assert rules(topic, b"", enrolled=enrolled, spans={"alpha": (since, math.inf)}) == told


def test_who_was_revoked_later_was_no_ghost_before():
    topic, nobody = "fleet/beta/heartbeat", frozenset[str]()
    for left, told in ((NOON + 1, set()), (NOON - 1, {"retained.ghost"})):
        given = {"enrolled": nobody, "spans": {"beta": (NOON - 60, left)}}
        assert rules(topic, beat(), retain=True, **given) == told


def test_the_acl_proof_breaks_rules_on_purpose_and_nothing_else_passes_for_it():
    one, other = (f"fleet/{name}/heartbeat" for name in PROBES)
    assert rules(one, payload(NOON)) == rules(other, payload(NOON), retain=True) == set()
    assert "contract.unknown-field" in rules("fleet/alpha/heartbeat", payload(NOON))
    said = payload(NOON).replace(b"}", b', "note": "hello"}')
    assert "contract.unknown-field" in rules(one, said)
    assert rules("fleet/beta/heartbeat", beat(), retain=True) == set()


def test_a_command_that_the_hub_did_not_sign_is_lateral():
    key = Ed25519PrivateKey.generate()
    public = key.public_key().public_bytes(Encoding.Raw, PublicFormat.Raw)
    keys = {key_id(public): public}
    topic = "fleet/alpha/command"
    command = {"verb": "health-check", "id": "01JZ0000000000000000000000", "ts": TS, "ttl": 60}
    signed = sign(key, topic, command)
    assert rules(topic, signed, keys=keys) == set()
    assert rules(topic, command, keys=keys) == {"traffic.lateral"}
    assert rules("fleet/beta/command", signed, keys=keys) == {"traffic.lateral"}
    assert rules(topic, {**signed, "ttl": 61}, keys=keys) == {"traffic.lateral"}
    assert rules(topic, command) == set()


def test_two_agents_in_one_topic_are_lateral():
    audit = an_audit()
    examine(audit, "fleet/alpha/heartbeat", beat())
    examine(audit, "fleet/beta/heartbeat", beat())
    examine(audit, "fleet/alpha/to/beta", {"n": 1})
    assert "traffic.lateral" in {finding.rule.id for finding in audit.findings}


@pytest.mark.parametrize(
    "payload",
    [
        b'{"ok": true,"ts":"2026-03-18T21:30:00Z"}',
        b'{"ok":true,"ts":"2026-03-18T21:30:00Z"}\n',
        b'\t{"ok":true,\r\n"ts":"2026-03-18T21:30:00Z"}',
    ],
)
def test_blanks_between_the_words_are_a_finding(payload: bytes) -> None:
    [found] = findings("fleet/alpha/heartbeat", payload)
    assert found.rule.id == "contract.whitespace"
    assert found.length == sum(payload.count(blank) for blank in (b" ", b"\n", b"\t", b"\r"))


def test_properties_are_a_finding_by_name_and_size_on_known_and_foreign_topics() -> None:
    audit = an_audit()
    beside = (("content-type", 4), ("user-property", 9))
    beat = b'{"ok":true,"ts":"2026-03-18T21:30:00Z"}'
    for topic in ("fleet/alpha/heartbeat", "elsewhere/alpha"):
        audit.examine(1, None, topic, beat, False, beside)
    found = [one for one in audit.findings if one.rule.id == "contract.properties"]
    assert [(one.field, one.length, one.digest) for one in found] == [
        ("content-type,user-property", 13, "")
    ] * 2


def test_a_receipt_that_the_hub_did_not_sign_is_lateral() -> None:
    key = Ed25519PrivateKey.generate()
    public = key.public_key().public_bytes_raw()
    topic, receipt = "fleet/alpha/receipt", {"boot": 5, "seq": 9}
    keys = {key_id(public): public}
    assert rules(topic, receipt, keys=keys) == {"traffic.lateral"}
    assert rules(topic, sign(key, topic, receipt), keys=keys) == set()
    assert rules(topic, receipt) == set()


def test_what_fleet_doctor_sends_to_itself_is_no_finding_where_the_hub_signs_and_nothing_else_is():
    key = Ed25519PrivateKey.generate()
    public = key.public_key().public_bytes_raw()
    keys = {key_id(public): public}
    audit = an_audit(keys=keys)
    for number in (0, 4, 99):
        examine(audit, f"fleet/{DOCTOR}/receipt", round_trip(number))
    assert audit.findings == []
    for longer in ({"boot": 0, "seq": 100}, {"boot": 1, "seq": 0}):
        assert rules(f"fleet/{DOCTOR}/receipt", longer, keys=keys) == {"traffic.lateral"}
    assert rules("fleet/alpha/receipt", {"boot": 0, "seq": 4}, keys=keys) == {"traffic.lateral"}


def test_two_sessions_that_take_turns_are_one_credential_used_twice():
    audit = an_audit()
    for boot in (1, 2, 1, 2):
        examine(audit, "fleet/alpha/heartbeat", beat(boot=boot))
    assert [finding.rule.id for finding in audit.findings] == ["traffic.conflicting-client"]


def test_a_restart_and_a_late_message_of_the_old_session_are_not_a_conflict():
    audit = an_audit()
    for boot in (1, 1, 2, 1, 2, 2, 3):
        examine(audit, "fleet/alpha/heartbeat", beat(boot=boot))
    conflicts = [f for f in audit.findings if f.rule.id == "traffic.conflicting-client"]
    assert len(conflicts) <= 1  # 1, 2, 1, 2 cannot be told from a double
    calm = an_audit()
    for boot in (1, 2, 1, 2):
        examine(calm, "fleet/alpha/status", {"state": "running", "ts": TS, "boot": boot})
    assert calm.findings == []


def test_a_flood_is_told_once_a_window_and_a_replay_at_one_instant_is_none():
    flood, replay = an_audit(), an_audit()
    for number in range(3000):
        examine(flood, "fleet/alpha/heartbeat", beat(), at=NOON + number / 100)
        examine(replay, "fleet/alpha/heartbeat", beat(), at=NOON)
    assert Counter(f.rule.id for f in flood.findings) == {"traffic.rate": 1}
    assert replay.findings == []


def test_a_new_agent_and_a_new_shape_are_scope_only_where_earlier_weeks_are_known():
    seen = {"alpha": frozenset({"heartbeat.ok", "heartbeat.ts"})}
    assert rules("fleet/alpha/heartbeat", beat(), seen=seen) == set()
    assert rules("fleet/alpha/heartbeat", beat(uptime=1), seen=seen) == {"scope.new-shape"}
    assert rules("fleet/beta/heartbeat", beat(), seen=seen) == {"scope.new-agent"}
    assert rules("fleet/beta/heartbeat", beat(uptime=1)) == set()


def test_a_leaking_name_is_in_no_topic_of_a_report():
    found = findings("fleet/john-smith/heartbeat", beat())
    assert [(f.rule.id, f.field, f.topic) for f in found] == [
        ("pii.name", "topic", "fleet/*/heartbeat")
    ]
    assert "smith" not in json.dumps([asdict(f) for f in found])


def test_a_foreign_key_is_shown_only_if_it_is_an_ordinary_noun():
    plain = findings("fleet/alpha/heartbeat", beat(note="x"))
    odd = findings("fleet/alpha/heartbeat", beat(wxqzy="x"))
    assert plain[0].field == "note"
    assert odd[0].field == "*"


def test_equal_values_have_equal_digests_under_one_key():
    first, second = (findings("fleet/alpha/status", b"zz") for _ in range(2))
    assert first[0].digest == second[0].digest


def test_beyond_a_bound_findings_are_counted_only(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr("fleet.auditor.finding_log.MAX_FINDINGS", 3)
    audit = an_audit()
    for _ in range(5):
        examine(audit, "fleet/alpha/command", {"verb": "health-check"}, retain=True)
    assert len(audit.findings) == 3
    assert audit.omitted == {"traffic.retained-command": 2}
    assert MAX_FINDINGS >= 10_000


def test_metrics_of_our_own_probes_are_clean():
    metrics = {
        "memory_bytes": 103_000_000, "tokens_input_total": 51_200, "cost_usd_total": 1.25,
        "disk_available_bytes": 4.1e12, "cpu_seconds_total": 86_399.5, "restarts_total": 3,
        "endpoint_latency_seconds": 0.006, "model_calls_total": 123_456_789,
    }  # fmt: skip
    assert beat_rules(metrics=metrics, boot=1_773_869_400_125, seq=12_345) == set()


def alarms(audit: Audit) -> set[str]:
    return {f.rule.id for f in audit.findings if f.severity is not Severity.INFO}


def test_a_name_that_the_operator_allows_is_no_finding():
    for allowed, told in ((frozenset(), {"pii.name"}), (frozenset({"john-smith"}), set())):
        audit = an_audit()
        audit.allow(allowed)
        examine(audit, "fleet/john-smith/heartbeat", {"ok": True, "ts": TS})
        metrics = {"ok": True, "ts": TS, "metrics": {"queue_depth": 1}}
        examine(audit, "fleet/a1/heartbeat", metrics)
        assert alarms(audit) == told


def test_an_allowed_metric_and_version_are_no_finding():
    audit = an_audit()
    audit.allow(frozenset({"salary_usd", "John.Smith"}))
    examine(audit, "fleet/a1/heartbeat", {"ok": True, "ts": TS, "metrics": {"salary_usd": 1}})
    versions = {"state": "running", "ts": TS, "versions": {"agent": "John.Smith"}}
    examine(audit, "fleet/a1/status", versions)
    assert alarms(audit) == set()


def test_of_an_enrolled_agents_name_doubts_are_only_clues_and_what_is_sure_stays():
    for name, told in (("yumiko-fukuda", set()), ("john-smith", {"pii.name"})):
        enrolled = an_audit(enrolled=frozenset({name}))
        examine(enrolled, f"fleet/{name}/heartbeat", {"ok": True, "ts": TS})
        assert alarms(enrolled) == told
    stranger = an_audit()
    examine(stranger, "fleet/yumiko-fukuda/heartbeat", {"ok": True, "ts": TS})
    assert alarms(stranger) == {"pii.name"}
