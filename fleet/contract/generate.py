"""Generate `schemas/` from the models: `python -m fleet.contract.generate [DIRECTORY]`.

The files are committed because other languages build on them, and because the sidecar reads
them instead of importing pydantic. A test generates them again and compares.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any, Final

from pydantic.json_schema import models_json_schema

from fleet.contract.fields import Message
from fleet.contract.messages import MODELS
from fleet.contract.schema_validator import Added, with_added
from fleet.contract.topics import Topics
from fleet.contract.vocabulary import MessageKind

DIALECT: Final = "https://json-schema.org/draft/2020-12/schema"
BASE: Final = "urn:fleet:contract:"


def schema_of(kind: MessageKind, added: Added | None = None) -> dict[str, Any]:
    """The JSON Schema (draft 2020-12) of one kind of message, with its examples and, where the
    schema is a deployment's, with the words that it has `added`."""
    models = MODELS[kind]
    choices: tuple[type[Message], ...] = models if isinstance(models, tuple) else (models,)
    body: dict[str, Any]
    if len(choices) == 1:
        body = choices[0].model_json_schema()
    else:
        _, together = models_json_schema([(model, "validation") for model in choices])
        references = [{"$ref": f"#/$defs/{model.__name__}"} for model in choices]
        body = {"title": kind.title(), "description": kind.meaning, "anyOf": references, **together}
    head = {"$schema": DIALECT, "$id": f"{BASE}{kind}"}
    examples = [example for model in choices for example in model.examples]
    plain: dict[str, Any] = with_added(_plain(body, in_properties=False), added or {})
    return head | plain | {"examples": examples}


def _plain(node: Any, *, in_properties: bool) -> Any:
    """`node` without pydantic's noise: field titles, null defaults, pattern properties."""
    if isinstance(node, list):
        return [_plain(item, in_properties=False) for item in node]
    if not isinstance(node, dict):
        return node
    if in_properties:
        return {name: _plain(child, in_properties=False) for name, child in node.items()}
    plain = {
        key: _plain(value, in_properties=key in ("properties", "$defs"))
        for key, value in node.items()
        if not (key == "default" and value is None)
        and not (key == "title" and "properties" not in node and "anyOf" not in node)
    }
    patterns = plain.pop("patternProperties", None)
    if patterns:
        # A pattern alone would let every name through that does not match it.
        [(pattern, child)] = patterns.items()
        plain |= {"propertyNames": {"pattern": pattern}, "additionalProperties": child}
    return plain


def files(topics: Topics | None = None, added: Added | None = None) -> dict[str, str]:
    """The contents of every generated file, by name."""
    from fleet.contract.asyncapi import document

    schemas = {
        f"{kind}.schema.json": json.dumps(schema_of(kind, added), indent=2) + "\n"
        for kind in MessageKind
    }
    return {**schemas, "asyncapi.yaml": document(topics)}


def generate(directory: Path) -> list[Path]:
    """Write every generated file below `directory`; the paths written."""
    directory.mkdir(parents=True, exist_ok=True)
    written = []
    for name, text in files().items():
        path = directory / name
        path.write_text(text)
        written.append(path)
    return written


if __name__ == "__main__":
    target = Path(sys.argv[1]) if len(sys.argv) > 1 else Path(__file__).parents[2] / "schemas"
    for written_path in generate(target):
        print(written_path)
