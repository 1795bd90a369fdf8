"""Where scripts/agents.sh puts the real agents."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Final

import pytest

CACHE: Final = Path(os.environ.get("XDG_CACHE_HOME") or "~/.cache").expanduser() / "fleet-test"


def installed(name: str) -> Path | None:
    """The folder of `NAME-VERSION`; None: it is not installed."""
    folder = CACHE / name
    return folder if (folder / ".installed").is_file() else None


def needs(name: str) -> pytest.MarkDecorator:
    """Skips a test, and says how to get what it needs."""
    reason = f"{name} is not installed; sh scripts/agents.sh installs it"
    return pytest.mark.skipif(installed(name) is None, reason=reason)
