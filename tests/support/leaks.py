"""A plugin that tells which test left something open: `python -m pytest -p tests.support.leaks`.

Garbage is collected after each test, which makes it slower by half; what was left open fails it.
"""

from __future__ import annotations

import gc

import pytest


def pytest_configure(config: pytest.Config) -> None:
    config.addinivalue_line("filterwarnings", "error::pytest.PytestUnraisableExceptionWarning")


@pytest.hookimpl(tryfirst=True)
def pytest_runtest_teardown() -> None:
    gc.collect()
