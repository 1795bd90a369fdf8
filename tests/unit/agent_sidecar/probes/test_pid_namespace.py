"""Who is process 1 tells whether the agent's processes can be here at all."""

from __future__ import annotations

from pathlib import Path

import pytest

from agent_sidecar.probes.pid_namespace import is_apart, unseen


@pytest.mark.parametrize(
    ("first", "apart"),
    [
        ("/usr/bin/python3 /usr/local/bin/agent-sidecar run", True),
        ("python -m agent_sidecar run", True),
        ("/sbin/docker-init -- agent-sidecar run", True),
        ("agent-sidecar exec -- nanobot gateway", False),  # the agent is its child
        ("python -m agent_sidecar exec -- sh", False),
        ("/pause", False),  # shareProcessNamespace
        ("node /app/openclaw.mjs gateway", False),  # pid: "service:AGENT"
        ("/sbin/init", False),
        ("", False),
    ],
)
def test_a_sidecar_is_apart_where_it_is_process_1(tmp_path: Path, first: str, apart: bool) -> None:
    (tmp_path / "1").mkdir()
    (tmp_path / "1" / "cmdline").write_text(first.replace(" ", "\0") + "\0")
    assert is_apart(tmp_path) is apart
    assert bool(unseen(tmp_path)) is apart


def test_without_a_process_table_nothing_is_claimed(tmp_path: Path) -> None:
    assert is_apart(tmp_path) is False
