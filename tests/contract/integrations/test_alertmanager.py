"""`amtool` takes the Alertmanager configuration."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

import pytest

from fleet.integrations import alertmanager


@pytest.mark.skipif(
    not shutil.which("amtool"), reason="amtool (package prometheus-alertmanager) is absent"
)
@pytest.mark.parametrize("webhook", [None, "http://127.0.0.1:9/hook"])
def test_amtool_accepts_it(tmp_path: Path, webhook: str | None) -> None:
    [(name, text)] = alertmanager.files(webhook).items()
    (tmp_path / name).write_text(text)
    done = subprocess.run(
        ["amtool", "check-config", str(tmp_path / name)],
        capture_output=True, text=True, timeout=30, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
