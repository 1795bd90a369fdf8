"""What differs between agents that should be alike: versions and configuration."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from fleet.domain.agent_view import AgentView


@dataclass(frozen=True, slots=True)
class Drift:
    """Agents of one group that share a value which others of the group do not have."""

    group: str
    what: str
    value: str
    agents: tuple[str, ...]

    def as_dict(self) -> dict[str, Any]:
        return {
            "group": self.group,
            "what": self.what,
            "value": self.value,
            "agents": list(self.agents),
        }


def drift_of(views: Iterable[AgentView]) -> list[Drift]:
    """Values that are not the same throughout a group, the rarest (so most suspect) first.

    A group is the label `group`, else the kind. What an agent does not tell is no difference.
    """
    values: dict[tuple[str, str], dict[str, list[str]]] = defaultdict(lambda: defaultdict(list))
    for view in views:
        group = view.labels.get("group") or (view.kind.value if view.kind else "unknown")
        known = {f"{name} version": version for name, version in (view.versions or {}).items()}
        if view.config:
            known["config"] = view.config
        for what, value in known.items():
            values[group, what][value].append(view.agent)
    return [
        Drift(group, what, value, tuple(sorted(agents)))
        for (group, what), found in sorted(values.items())
        if len(found) > 1
        for value, agents in sorted(found.items(), key=lambda item: (len(item[1]), item[0]))
    ]
