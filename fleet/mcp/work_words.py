"""Which words of work may be said to a language model: kinds and groups that the operator named."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Self

from fleet.mcp.words import PLAIN_NAME, Words
from fleet.provisioning.registry import Registry
from fleet.settings import Settings
from fleet.work.members import BUILT_IN, members_of


@dataclass(frozen=True, slots=True)
class WorkWords:
    """Kinds and groups that the list of agents names; None: the list lies elsewhere."""

    words: Words
    kinds: frozenset[str] | None = None
    groups: frozenset[str] | None = None

    @classmethod
    def of(cls, settings: Settings, words: Words) -> Self:
        """As the list in the home has them; a hub elsewhere has its own list.

        Raises:
            ConfigError: the list is damaged.
        """
        agents = None if settings.hub else Registry(settings.home).agents()
        if agents is None:
            return cls(words)
        members = members_of(agents).values()
        kinds = BUILT_IN.union(*(member.kinds for member in members))
        return cls(words, kinds, frozenset(member.group for member in members))

    def kind(self, kind: object) -> str:
        return _known(kind, self.kinds, "an unknown kind")

    def group(self, group: object) -> str:
        return _known(group, self.groups, "an unknown group")

    def by(self, caller: object) -> str:
        """Who submitted it: an agent, or the role of a person's token."""
        agent = re.fullmatch("agent:(.*)", caller) if isinstance(caller, str) else None
        return self.words.agent(agent[1]) if agent else "a person"


def _known(text: object, known: frozenset[str] | None, otherwise: str) -> str:
    if not isinstance(text, str):
        return otherwise
    is_known = bool(PLAIN_NAME.fullmatch(text)) if known is None else text in known
    return text if is_known or text in BUILT_IN else otherwise
