"""What is said of an account that people make is what the pages say, which are tested."""

from __future__ import annotations

import re
from pathlib import Path

from fleet.broker_kind import BrokerKind
from fleet.contract.topics import FROM_AGENT, TO_AGENT, Topics
from fleet.provisioning import acl_rules, by_hand

PAGES = Path(__file__).parents[3] / "docs/how-to"


def permissions(text: str) -> list[str]:
    """The permissions of `alpha` in a text, blanks apart."""
    found = re.search(r"user: alpha,.*?permissions: \{(.*?)\}", text, re.DOTALL)
    assert found
    return re.findall(r"publish: \[|subscribe: \[|\"[^\"]+\"", found[1])


def test_the_entry_for_nats_is_that_of_the_page_which_runs_in_a_test() -> None:
    said = by_hand.account(BrokerKind.NATS, Topics(), "alpha")
    assert permissions(said) == permissions((PAGES / "nats.md").read_text())
    # The two lists, every topic of an agent, the broadcast, and where NATS delivers QoS 1.
    assert len(permissions(said)) == 2 + len(FROM_AGENT) + len(TO_AGENT) + 2


def test_any_other_broker_is_told_every_right_of_an_agent_and_no_more() -> None:
    said = by_hand.account(BrokerKind.OTHER, Topics("acme", "boss"), "alpha")
    rights = acl_rules.agent(Topics("acme", "boss"), "alpha").rights
    assert {line.split()[-1] for line in said.splitlines()[1:-1]} == {one.topic for one in rights}
    assert "#" not in {line.split()[-1] for line in said.splitlines()}
