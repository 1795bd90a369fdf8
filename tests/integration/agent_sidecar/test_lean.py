"""A sidecar holds in memory only what it uses."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

from tests.support.sidecar import Listener, Sidecar


@pytest.mark.skipif(sys.platform != "linux", reason="needs /proc")
def test_an_enrolled_sidecar_loads_no_library_for_tls_signatures_or_archives_before_it_needs_one(
    hub: Listener, sidecar: Sidecar, tmp_path: Path
) -> None:
    keys = tmp_path / "hub.pub"
    keys.write_text("ab" * 32)
    sidecar.settings["FLEET_COMMAND_KEYS"] = str(keys)
    sidecar.start()
    hub.wait("heartbeat")
    assert sidecar.process
    maps = Path(f"/proc/{sidecar.process.pid}/maps").read_text()
    assert "_sqlite3" in maps, "this test knows libraries by their files"
    loaded = [name for name in ("_ssl", "_hashlib", "_rust", "_bz2", "_lzma") if name in maps]
    assert loaded == []
