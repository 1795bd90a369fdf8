"""Names of agents that run already, out of other programs' lists; nothing else is taken over."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, Final

from fleet.contract.errors import ConfigError
from fleet.contract.topics import is_agent_name
from fleet.contract.vocabulary import Kind
from fleet.provisioning import bounded_yaml

_NAME_KEYS: Final = ("tenant", "name", "id")
"""`openclaw fleet list --json` calls a cell's owner `tenant`; the container is
`openclaw-cell-<tenant>`. Its output may change between releases, so near names are taken too."""

MAX_TEXT: Final = 4 * 2**20
"""Characters of a list: that of 10,000 agents is 2 MB."""

_SIDECAR: Final = ("fleet-sidecar", "Dockerfile.sidecar")
_NOT_AGENTS: Final = ("mosquitto", "nats", "postgres", "redis", "prometheus", "grafana", "traefik",
                      "nginx", "caddy", "alertmanager", "rabbitmq")  # fmt: skip


@dataclass(frozen=True, slots=True)
class Found:
    """An agent in somebody's list."""

    name: str
    kind: Kind
    labels: Mapping[str, str] = field(default_factory=dict)


def parse(text: str) -> list[Found]:
    """The agents in `openclaw fleet list --json` or a compose file, by what the text looks like.

    Raises:
        ConfigError: neither, larger than any list of agents, or a name that cannot be an agent's.
    """
    if len(text) > MAX_TEXT:
        raise ConfigError("the list is too large", f"more than {MAX_TEXT >> 20} MB", "split it")
    try:
        document = json.loads(text)
    except (ValueError, RecursionError):
        document = bounded_yaml.parse(text)
    if isinstance(document, dict) and isinstance(document.get("services"), dict):
        found = list(_compose(document["services"]))
    else:
        found = list(_openclaw(document))
    if not found:
        raise ConfigError("no agent was found", "", "openclaw fleet list --json, or a compose file")
    for agent in found:
        if not is_agent_name(agent.name):
            why = "a name is 1 to 40 of a-z, 0-9 and -"
            raise ConfigError(f"{agent.name!r} cannot be an agent's name", why, "rename it there")
    return found


def _openclaw(document: object) -> Iterator[Found]:
    items = document
    if isinstance(document, dict):
        items = next((value for value in document.values() if isinstance(value, list)), [])
    if not isinstance(items, list):
        return
    for item in items:
        name = _name(item)
        if name:
            yield Found(name, Kind.OPENCLAW, {"container": f"openclaw-cell-{name}"})


def _name(item: object) -> str:
    if isinstance(item, str):
        return item
    if isinstance(item, dict):
        return next((str(item[key]) for key in _NAME_KEYS if item.get(key)), "")
    return ""


def _compose(services: Mapping[str, Any]) -> Iterator[Found]:
    for name, service in services.items():
        text = json.dumps(service, default=str)
        if any(word in text for word in (*_SIDECAR, *_NOT_AGENTS)) or name in ("broker", "hub"):
            continue
        kinds = (kind for kind in Kind if kind.value in f"{name} {text}".lower())
        held = service if isinstance(service, dict) else {}
        container = str(held.get("container_name") or "")
        labels = {"container": container} if container else {}
        yield Found(str(name), next(kinds, Kind.GENERIC), labels)
