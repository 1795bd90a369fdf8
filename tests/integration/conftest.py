"""A provisioned broker, for the tests of enrolment and of the ACL proof."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.support.provisioned import ProvisionedBroker


@pytest.fixture
def provisioned(tmp_path: Path) -> Iterator[ProvisionedBroker]:
    broker = ProvisionedBroker(tmp_path).start()
    yield broker
    broker.stop()
