"""What a route keeps on disk, or in a store that hubs share, as one JSON document."""

from __future__ import annotations

import json
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any, Self

from fleet.notifier.delivery_log import LogEntry, log_of
from fleet.notifier.notification import Notification
from fleet.notifier.set_aside import SetAside


@dataclass(frozen=True, slots=True)
class KeptRoute:
    """What waits, the ids of what was delivered, what was set aside, the digest as `Digest` has it
    in JSON, the ids of single alerts that were given, what became of each, and the agents and codes
    of those whose end is to be told."""

    waiting: Iterable[Notification]
    delivered: Iterable[str]
    set_aside: Iterable[SetAside]
    digest: dict[str, Any] | None
    given: Iterable[str]
    log: Iterable[LogEntry]
    open: Iterable[tuple[str, str]] = ()

    @classmethod
    def from_json(cls, document: dict[str, Any]) -> Self:
        """
        Raises:
            AttributeError, KeyError, TypeError, ValueError: it is not one of ours.
        """
        return cls(
            [Notification.from_json(group) for group in document["waiting"]],
            list(map(str, document["delivered"])),
            [SetAside.from_json(one) for one in document.get("set_aside", [])],
            document.get("digest"),
            list(map(str, document.get("given", []))),
            log_of(document),
            [(str(agent), str(code)) for agent, code in document.get("open", [])],
        )

    def text(self) -> str:
        """What `from_json` reads, as a text."""
        given, log = list(self.given), [one.as_json() for one in self.log]
        is_open = list(self.open)
        kept = {
            "waiting": [one.as_json() for one in self.waiting],
            "delivered": list(self.delivered),
            "set_aside": [one.as_json() for one in self.set_aside],
            "digest": self.digest,
            **({"given": given} if given else {}),
            **({"log": log} if log else {}),
            **({"open": is_open} if is_open else {}),
        }
        return json.dumps(kept, separators=(",", ":"))
