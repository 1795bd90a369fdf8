"""The AsyncAPI 3 document of the bus, derived from topics, words and models."""

from __future__ import annotations

from typing import Any

import fleet
from fleet.contract import patterns
from fleet.contract.topics import ROUTES, Topics
from fleet.contract.vocabulary import MessageKind


def document(topics: Topics | None = None) -> str:
    """The document as YAML, ready to be written beside the JSON Schemas it refers to."""
    import yaml

    text: str = yaml.safe_dump(build(topics or Topics()), sort_keys=False, width=100)
    return text


def build(topics: Topics) -> dict[str, Any]:
    """The document as plain data; messages refer to the schema files beside it."""
    channels: dict[str, Any] = {}
    operations: dict[str, Any] = {}
    messages: dict[str, Any] = {}
    for kind in MessageKind:
        messages[kind.value] = {
            "name": kind.value,
            "summary": kind.meaning,
            "contentType": "application/json",
            "payload": {"$ref": f"./{kind}.schema.json"},
        }
        channels[kind.value] = _channel(kind, topics)
        from_agent, retained = ROUTES[kind].from_agent, ROUTES[kind].retained
        operations[f"{'agent' if from_agent else 'hub'}-{kind}"] = {
            "action": "receive" if from_agent else "send",
            "channel": {"$ref": f"#/channels/{kind}"},
            "summary": f"{'agent to hub' if from_agent else 'hub to agent'}: {kind.meaning}",
            "bindings": {"mqtt": {"qos": 1, "retain": retained, "bindingVersion": "0.2.0"}},
        }
    return {
        "asyncapi": "3.0.0",
        "info": {
            "title": "Fleet bus",
            "version": fleet.__version__,
            "description": "Operations yes, context no: seen from the hub.",
            "license": {"name": "MIT"},
        },
        "defaultContentType": "application/json",
        "channels": channels,
        "operations": operations,
        "components": {"messages": messages},
    }


def _channel(kind: MessageKind, topics: Topics) -> dict[str, Any]:
    channel: dict[str, Any] = {
        "address": topics.every(kind).replace("+", "{agent}"),
        "messages": {kind.value: {"$ref": f"#/components/messages/{kind}"}},
    }
    if "{agent}" in channel["address"]:
        description = f"Name of the agent, {patterns.anchored(patterns.AGENT)}"
        channel["parameters"] = {"agent": {"description": description}}
    return channel
