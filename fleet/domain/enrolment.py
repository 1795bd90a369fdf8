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
