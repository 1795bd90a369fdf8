"""Honest messages with everything in them that looks like something else: the false alarms."""

from __future__ import annotations

import random
from collections.abc import Iterator
from typing import Any

from benchmarks.audit.compact import compact
from benchmarks.audit.corpus import TS, Case
from benchmarks.audit.values import Values, listed

AGENTS = listed(
    """
    alpha nanobot-7 web-prod-3 openclaw-main jarvis alice-2 research-agent sales-emea
    support-bot-1 friday claude-runner max atlas edge-eu-west-1 k8s-worker-7d4b9c6f5-x2x9z
    finance-reports legal-research-assistant customer-support happy-purple-tiger victoria
    data-pipeline-prod mqtt-client-1 iris-home docs-writer
    """
)
VERSIONS = listed(
    """
    4.1.1.1 2026.9.6 v0.3.5 0.3.5 1.0.0-rc.1+build.5114f85 1.0.0+20130313144700 3.11.7 24.16.0
    claude-sonnet-4-5-20250929 gpt-4o-mini node-v24.16.0-linux-x64 3.11.7-slim-bookworm
    0.0.0.dev0+g1a2b3c4d5.d20260318 10.0.19045.3803 5.15.0-1051-aws 20260318 2026.03.18.1
    1.21.0-alpha.3 d41d8cd98f00b204e9800998ecf8427e gemini-2.5-pro llama-3.1-70b-instruct
    1.2.3.post1 latest 7.2.24-rc2 v2.0.11-debian
    """
)
METRICS = listed(
    """
    memory_bytes tokens_input_total tokens_output_total cost_usd_total errors_total queue_depth
    cpu_seconds_total disk_available_bytes http_requests_in_flight time_to_first_token_seconds
    tokens_claude_sonnet_4_5_total model_gpt_4o_cost_usd_total gc_collected_objects_total
    network_receive_bytes_total context_window_used_ratio sessions_active_count
    last_work_timestamp_seconds temperature_celsius cron_jobs_failed_total work_age_seconds
    endpoint_latency_seconds llm_calls_total cache_hits_total threads open_files p99_latency_ms
    """
)


def clean(count: int, seed: int = 2) -> Iterator[Case]:
    """Honest messages, with everything in them that looks like something else."""
    r = random.Random(seed)
    make = Values(seed)
    boots = {agent: r.randint(1_760_000_000_000, 1_773_869_000_000) for agent in AGENTS}
    for number in range(count):
        agent = AGENTS[number % len(AGENTS)]
        draw = r.random()
        if draw < 0.85:
            names = r.sample(METRICS, r.randint(0, 6))
            beat: dict[str, Any] = {
                "ok": True, "ts": TS, "uptime": r.randint(0, 90_000_000), "boot": boots[agent],
                "seq": number, "checks": {"process": "pass", "disk": "warn"},
            }  # fmt: skip
            if names:
                beat["metrics"] = {name: _value(r, name) for name in names}
            yield Case(f"fleet/{agent}/heartbeat", compact(beat))
        elif draw < 0.93:
            status = {
                "state": "running", "ts": TS, "boot": boots[agent], "seq": number,
                "versions": {"agent": r.choice(VERSIONS), "sidecar": "0.1.0",
                             "runtime": r.choice(VERSIONS)},
                "config": f"sha256:{r.getrandbits(256):064x}",
                "reply": {"to": _ulid(r), "verb": "health-check", "result": "done", "took": 0.2},
            }  # fmt: skip
            yield Case(f"fleet/{agent}/status", compact(status))
        elif draw < 0.97:
            alert = {"code": "disk-pressure", "severity": "warning", "state": "firing", "ts": TS,
                     "id": _ulid(r), "value": r.choice((91, 93.5, 4.1e9)), "boot": boots[agent],
                     "seq": number}  # fmt: skip
            yield Case(f"fleet/{agent}/alert", compact(alert))
        else:
            command = {"verb": "health-check", "id": _ulid(r), "ts": TS, "ttl": 60,
                       "kid": f"{r.getrandbits(64):016x}", "sig": make.token(86)}  # fmt: skip
            yield Case(f"fleet/{agent}/command", compact(command))


def _value(r: random.Random, name: str) -> float:
    if "timestamp" in name:
        return r.randint(1_760_000_000, 1_773_869_400)
    if name.endswith(("_ratio", "_celsius", "_count", "_depth")) or "_" not in name:
        return r.choice((r.randint(0, 200), round(r.uniform(0, 100), 3)))
    if "bytes" in name:
        return r.choice((r.randint(10**6, 10**13), 1_773_869_400_125, 378_282_246_310_005))
    if "seconds" in name or name.endswith("_ms"):
        return round(r.uniform(0, 10**8), 3)
    if "usd" in name:
        return round(r.uniform(0, 9_999), 2)
    return r.choice((r.randint(0, 10**12), r.randint(0, 10**6)))


def _ulid(r: random.Random) -> str:
    number = r.randint(1_760_000_000_000, 1_773_869_400_000) << 80 | r.getrandbits(80)
    return "".join("0123456789ABCDEFGHJKMNPQRSTVWXYZ"[number >> s & 31] for s in range(125, -5, -5))
