"""Two sources agree, or the way in which they do not is named."""

from __future__ import annotations

from dataclasses import replace

import pytest

from fleet.domain.roster import Roster
from fleet.domain.verdict import Verdict
from fleet.verify import Dissent, Evidence, SourceError, compare, source_of

VIEW = replace(Roster().view("ada", 0.0), state=Verdict.OK, uptime=1000.0)


@pytest.mark.parametrize(
    ("state", "evidence", "expected"),
    [
        (Verdict.OK, Evidence("docker", True, 1010.0, True), []),
        (Verdict.OK, Evidence("docker", True), []),
        (Verdict.OK, Evidence("docker", False), [Dissent.SAYS_ALIVE]),
        (Verdict.DEGRADED, Evidence("docker", False), [Dissent.SAYS_ALIVE]),
        (Verdict.STALE, Evidence("docker", True), []),
        (Verdict.OFFLINE, Evidence("docker", True), [Dissent.SAYS_GONE]),
        (Verdict.OFFLINE, Evidence("docker", False), []),
        (Verdict.OK, Evidence("docker", True, 30.0), [Dissent.YOUNGER]),
        (Verdict.OK, Evidence("docker", True, None, False), [Dissent.UNHEALTHY]),
    ],
)
def test_each_disagreement_has_its_name(
    state: Verdict, evidence: Evidence, expected: list[Dissent]
) -> None:
    assert compare(replace(VIEW, state=state), evidence) == expected


def test_an_agent_without_a_second_source_is_said_to_have_none() -> None:
    with pytest.raises(SourceError, match="no second source"):
        source_of(VIEW, None, None, None)
