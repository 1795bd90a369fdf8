"""Topics are built and parsed by the same rules."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fleet.contract.patterns import AGENT
from fleet.contract.rejection import Rejected
from fleet.contract.topics import Address, Topics, is_agent_name
from fleet.contract.vocabulary import MessageKind, Reason

names = st.from_regex(AGENT, fullmatch=True)


@given(names, st.sampled_from(list(MessageKind)), names, names)
def test_what_is_built_is_parsed_back(
    agent: str, kind: MessageKind, prefix: str, manager: str
) -> None:
    if prefix == manager:
        return
    topics = Topics(prefix, manager)
    about = "" if kind is MessageKind.BROADCAST else agent
    assert topics.parse(topics.of(kind, agent)) == Address(about, kind)


@pytest.mark.parametrize(
    "topic",
    [
        "",
        "fleet",
        "fleet/ada",
        "fleet/ada/heartbeat/x",
        "fleet//heartbeat",
        "fleet/Ada/heartbeat",
        "fleet/ada/broadcast",
        "fleet/ada/chat",
        "fleet/-ada/status",
        "fleet/ada\n/status",
        "other/ada/status",
        "zephyr/command",
        "fleet/+/status",
        "fleet/#",
        "$SYS/broker/version",
    ],
)
def test_other_topics_are_outside_the_contract(topic: str) -> None:
    with pytest.raises(Rejected) as found:
        Topics().parse(topic)
    assert found.value.reason is Reason.UNKNOWN_TOPIC


@pytest.mark.parametrize("name", ["+", "#", "a/b", "", "a" * 41, "-a", "a-", "ä", "a\n"])
def test_no_topic_is_built_for_a_name_that_would_change_its_shape(name: str) -> None:
    assert not is_agent_name(name)
    with pytest.raises(ValueError, match="agent name"):
        Topics().of(MessageKind.STATUS, name)


def test_prefix_and_manager_are_topic_levels_and_differ() -> None:
    for prefix, manager in (("a/b", "z"), ("a", "z+"), ("same", "same"), ("", "z")):
        with pytest.raises(ValueError, match=r"topic level|differ"):
            Topics(prefix, manager)
