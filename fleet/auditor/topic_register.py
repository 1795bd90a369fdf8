"""Which topics an audit has met: whose each is, what its name leaks, and how it may be shown."""

from __future__ import annotations

from fleet.auditor.detection import agent_names
from fleet.auditor.detection.fast_path import MAX_REMEMBERED
from fleet.auditor.detection.scanner import shown
from fleet.auditor.rules.traffic import AgentTraffic
from fleet.auditor.tally import Known
from fleet.auditor.work_watch import WORK
from fleet.contract.rejection import Rejected
from fleet.contract.topics import FROM_AGENT, Topics
from fleet.contract.vocabulary import MessageKind


class TopicRegister:
    """
    Args:
        listed: names that somebody wrote down: they are known to be names.

    Attributes:
        allowed: names that the operator says are no finding.
        known: the topics of the contract that were met, in that order.
        agents: their agents.
    """

    def __init__(self, topics: Topics, listed: frozenset[str]) -> None:
        self._topics, self._listed = topics, listed
        self.allowed: frozenset[str] = frozenset()
        self.known: dict[str, Known] = {}
        self.agents: dict[str, AgentTraffic] = {}

    def meet(self, topic: str) -> Known | None:
        """Whose `topic` is, as from now on `known` says; None where the contract has none such."""
        try:
            address = self._topics.parse(topic)
        except Rejected:
            return None
        agent = address.agent
        leaks = agent_names.leaks_of(agent, self.allowed, self._listed)
        agent_shown = "*" if leaks else agent
        place = topic.replace(f"/{agent}/", "/*/") if leaks else topic
        watched = self.agents.get(agent)
        if watched is None:
            crowded = len(self.agents) >= MAX_REMEMBERED
            watched = AgentTraffic("*" if crowded else agent_shown)
            if not crowded:
                self.agents[agent] = watched
        known = Known(address, watched, leaks, place)
        if len(self.known) >= 5 * MAX_REMEMBERED:
            self.known.clear()
        self.known[topic] = known
        return known

    def place_of(self, topic: str) -> tuple[str, bool]:
        """Whose a message on `topic` is, as reports name it, and whether it concerns all."""
        known = self.known.get(topic) or self.meet(topic)
        if known is None:
            return "*", False
        return known.traffic.agent, known.address.kind in WORK or not known.address.agent

    @property
    def names(self) -> list[str]:
        """Those of the contract that were met, in that order."""
        return list(self.known)

    @property
    def is_crowded(self) -> bool:
        """Whether there are too many agents or topics to remember each."""
        return max(5 * len(self.agents), len(self.known)) >= 5 * MAX_REMEMBERED

    def is_owner(self, topic: str, publisher: str) -> bool:
        """Whether `publisher` may have published on `topic`: the agent its own, the hub all."""
        if publisher == self._topics.manager:
            return True
        try:
            address = self._topics.parse(topic)
        except Rejected:
            return False
        return address.kind in FROM_AGENT and address.agent == publisher

    def show(self, topic: str) -> str:
        """A topic with `*` for each level that may itself be a leak."""
        own = (self._topics.prefix, self._topics.manager, *MessageKind)
        levels = topic.split("/")
        return "/".join(
            level
            if level in own or level in self.agents or shown(level) == level or not level
            else "*"
            for level in levels[:10]
        )
