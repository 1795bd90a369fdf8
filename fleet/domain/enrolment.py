"""Who belongs to the fleet, as far as the roster has to know."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from fleet.contract.vocabulary import Kind


@dataclass(frozen=True, slots=True)
class Enrolment:
    """What provisioning knows of an agent before it ever speaks."""

    labels: Mapping[str, str] = field(default_factory=dict)
    kind: Kind | None = None
    groups: tuple[str, ...] = ()

    def is_of(self, scope: str) -> bool:
        """Whether it belongs to `group:NAME`, or has a label, as `site:NAME`."""
        kind, _, name = scope.partition(":")
        return name in self.groups if kind == "group" else self.labels.get(kind) == name
