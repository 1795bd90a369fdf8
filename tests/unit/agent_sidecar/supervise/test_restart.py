"""When the supervisor starts a child again."""

from __future__ import annotations

import pytest

from agent_sidecar.supervise.restart import Restart


@pytest.mark.parametrize(
    ("policy", "after_success", "after_failure"),
    [("on-failure", False, True), ("always", True, True), ("never", False, False)],
)
def test_when_an_agent_is_started_again(
    policy: str, after_success: bool, after_failure: bool
) -> None:
    assert Restart(policy).wanted(0) is after_success
    assert Restart(policy).wanted(1) is after_failure
    assert Restart(policy).wanted(137) is after_failure


@pytest.mark.parametrize("policy", list(Restart))
def test_an_agents_own_word_comes_before_the_policy(policy: Restart) -> None:
    """OpenClaw and Hermes end with 78 where a restart mends nothing, Hermes with 75 to get one."""
    assert not policy.wanted(78)
    assert policy.wanted(75) is (policy is not Restart.NEVER)
