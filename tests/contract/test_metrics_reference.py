"""Every metric is documented, and only metrics are."""

from __future__ import annotations

import re

from fleet.hub.broker_statistics import BROKER_STATISTICS
from fleet.metrics.agent_families import FAMILIES
from fleet.metrics.hub_families import BROKER, HUB_FAMILIES
from fleet.metrics.reference import PAGE, page

EVERY = (*FAMILIES, *HUB_FAMILIES)


def test_the_committed_page_is_current() -> None:
    assert PAGE.read_text() == page(), "run: python -m fleet.metrics.reference"


def test_names_and_helps_keep_to_the_conventions() -> None:
    for family in EVERY:
        assert re.fullmatch(r"fleet_[a-z_]+", family.name)
        assert (family.type == "counter") == family.name.endswith("_total")
        assert family.help.strip(" .") == family.help
        assert not re.search(r"_(milliseconds|minutes|kilobytes|percent)", family.name)
    assert len({family.name for family in EVERY}) == len(EVERY)


def test_the_hub_asks_for_the_broker_statistics_that_have_a_metric() -> None:
    assert set(BROKER_STATISTICS) == set(BROKER)
