"""Leaks that satisfy the contract, and look-alikes that are none."""

from __future__ import annotations

import pytest

from fleet.auditor.detection import identifiers
from fleet.auditor.rules.wordlists import word_set
from fleet.contract.vocabulary import Severity
from tests.support.audits import beat_rules, rules, status_rules

CLEAN = word_set(
    """
    nanobot-7 web-prod-3 alpha alice openclaw-main jarvis-2 mqtt-client-1 customer-support
    happy-purple-tiger jackson-west austin-prod marketing-bot legal-research-assistant sales-emea
    4.1.1.1 2026.9.6 v0.3.5 1.0.0-rc.1+build.5114f85 1.0.0+20130313144700 3.11.7-slim-bookworm
    claude-sonnet-4-5-20250929 gpt-4o-mini node-v24.16.0-linux-x64 0.0.0.dev0+g1a2b3c4d5.d20260318
    d41d8cd98f00b204e9800998ecf8427e 5f3759df 1773869400125 20260318.1 192.168.1.10
    7d4b9c6f5-x2x9z time_to_first_token_seconds tokens_claude_sonnet_4_5_total
    http_requests_in_flight node_filesystem_avail_bytes go_memstats_alloc_bytes_total
    process_resident_memory_bytes model_gpt_4o_cost_usd_total queue_depth
    python_gc_objects_collected_total p99_latency_ms
    """
)


@pytest.mark.parametrize("name", sorted(CLEAN))
def test_names_of_machines_are_clean(name: str):
    assert [hit for hit in identifiers.find(name) if hit.severity is not Severity.INFO] == []


@pytest.mark.parametrize(
    ("name", "rule"),
    [
        ("john-smith", "pii.name"),
        ("johnsmith", "pii.name"),
        ("garcia_maria", "pii.name"),
        ("dr-mueller", "pii.name"),
        ("john_doe_gmail_com", "pii.email"),
        ("am9obi5kb2VAYWNtZS5jb20", "pii.email"),
        ("4111111111111111", "pii.card"),
        ("4111-1111-1111-1111", "pii.card"),
        ("078-05-1120", "pii.national-id"),
        ("415-555-2671", "pii.phone"),
        ("+14155552671", "pii.phone"),
        ("DE89370400440532013000", "pii.iban"),
        ("born-1985-04-12", "pii.birth-date"),
        ("221b-baker-street", "pii.address"),
        ("patient_diabetes_total", "pii.health"),
        ("salary_usd", "pii.finance"),
        ("client-acme", "text.record"),
        ("the-client-wants-a-refund", "text.free-text"),
        ("door_pin_4711", "secret.credential"),
        ("password-hunter2", "secret.credential"),
        ("magdalena-nowicka", "pii.name"),
        ("haruka_yamamoto_18", "pii.name"),
        ("cv_magdalena_nowicka_2026_pdf", "pii.name"),
        ("acct_de89370400440532013000", "pii.iban"),
        ("m_de89_3704_0044_0532_0130_00", "pii.iban"),
        ("529.982.247-25", "pii.national-id"),
        ("id_529_982_247_25", "pii.national-id"),
        ("811218-9876", "pii.national-id"),
        ("756.9217.0769.85", "pii.national-id"),
        ("2341_2341_2346", "pii.national-id"),
    ],
)
def test_what_is_spelled_in_a_name_is_found(name: str, rule: str):
    assert rule in {hit.rule.id for hit in identifiers.find(name)}


def test_random_text_in_a_version_is_a_secret():
    # Made here, so that no scanner of this repository takes it for one.
    token = "".join(f"{chr(97 + n % 26)}{n % 10}{chr(65 + n * 7 % 26)}" for n in range(9))
    assert status_rules(versions={"agent": token}) == {"secret.high-entropy"}
    assert status_rules(versions={"agent": "ghp" + "_" + token}) == {"secret.provider-key"}


@pytest.mark.parametrize(
    ("fields", "rule"),
    [
        ({"metrics": {"john_smith": 1}}, "pii.name"),
        ({"metrics": {"x": 4111111111111111}}, "pii.card"),
        ({"metrics": {"memory_bytes": 4111111111111111}}, "pii.card"),
        ({"metrics": {"contact": 14155552671}}, "pii.phone"),
        ({"metrics": {"ref": 536221234}}, "pii.national-id"),
        ({"metrics": {"a": 4111, "b": 1111, "c": 1111, "d": 1111}}, "pii.card"),
        ({"uptime": 4155552671}, "pii.phone"),
        ({"boot": 4111111111111111}, "pii.card"),
        ({"seq": 14155552671}, "pii.phone"),
    ],
)
def test_bare_numbers_that_are_somebodys_are_found(fields: dict[str, object], rule: str):
    assert rule in beat_rules(**fields)


def test_text_as_character_codes_is_found():
    metrics = {f"c{n}": ord(character) for n, character in enumerate("johnsmith")}
    assert beat_rules(metrics=metrics) == {"pii.name"}


@pytest.mark.parametrize(
    "fields",
    [
        {
            "metrics": {
                "network_receive_bytes_total": 4_532_015_112_830,
                "tokens_total": 9_876_543_210,
            }
        },
        {"metrics": {"start_timestamp_ms": 1_773_869_400_125, "last_seen_seconds": 1e8}},
        {"boot": 1_773_869_400_125, "seq": 99_999_999, "uptime": 3e8},
        {"metrics": {"temperature_celsius": 61, "queue_depth": 78051120}},
    ],
)
def test_wide_counters_and_times_are_clean(fields: dict[str, object]):
    assert beat_rules(**fields) == set()


def test_an_alert_value_far_from_its_threshold_is_looked_at():
    alert = {"code": "error-rate", "severity": "warning", "state": "firing"}
    stamped = {**alert, "ts": "2026-03-18T21:30:00Z"}
    assert rules("fleet/alpha/alert", {**stamped, "value": 4111111111111111}) == {"pii.card"}
    assert rules("fleet/alpha/alert", {**stamped, "value": 91, "threshold": 90}) == set()


def test_text_in_a_digest_or_id_is_found():
    digest = b"john.doe@example.com".hex().ljust(64, "0")
    assert status_rules(config=f"sha256:{digest}") == {"pii.email"}
    assert status_rules(config="sha256:" + "0" * 48 + "4111111111111111") == {"pii.card"}
    reply = {"to": "01J0HNSM1TH000000000000000", "verb": "health-check", "result": "done"}
    assert status_rules(reply=reply) in ({"pii.name"}, set())
