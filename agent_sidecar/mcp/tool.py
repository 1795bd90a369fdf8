"""What a tool is, and how the arguments of a call are judged before it runs."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Final

from fleet.contract.errors import FleetError

Arguments = Mapping[str, Any]


class ToolError(FleetError):
    """A call that did not do what was asked; its text goes to the model."""


@dataclass(frozen=True, slots=True)
class Tool:
    """What a model may call. `schema` are the properties of its arguments."""

    name: str
    description: str
    schema: Mapping[str, Any]
    required: tuple[str, ...]
    run: Callable[[Arguments], str]
    reads_only: bool = False

    def described(self) -> dict[str, Any]:
        """As `tools/list` tells of it."""
        shape = {
            "type": "object",
            "properties": dict(self.schema),
            "required": list(self.required),
            "additionalProperties": False,
        }
        hints = {
            "readOnlyHint": self.reads_only, "destructiveHint": False, "openWorldHint": False,
        }  # fmt: skip
        return {
            "name": self.name,
            "description": self.description,
            "inputSchema": shape,
            "annotations": hints,
        }


_TYPES: Final = {"string": (str, "a text"), "integer": (int, "a whole number"), "array": (list, "")}


def judged(tool: Tool, arguments: Arguments) -> Arguments:
    """The arguments without those that say nothing: models also fill in what they leave out.

    Raises:
        ToolError: one is missing, unknown, or of another type.
    """
    given = {name: value for name, value in arguments.items() if value not in (None, "", [])}
    if unknown := sorted(given.keys() - tool.schema.keys()):
        what = f"{tool.name} has no argument {unknown[0][:40]!r}"
        raise ToolError(what, "", f"only {', '.join(tool.schema)}")
    if missing := [name for name in tool.required if name not in given]:
        means = tool.schema[missing[0]]["description"]
        raise ToolError(f"{tool.name} needs {missing[0]}", "", f"{missing[0]}: {means}")
    for name, value in given.items():
        form = tool.schema[name]
        kind, word = _TYPES[form["type"]]
        low, high = form.get("minimum"), form.get("maximum")
        if form["type"] == "array":
            word, good = "a list of texts", isinstance(value, list)
            good = good and all(isinstance(one, str) for one in value)
        else:
            good = isinstance(value, kind) and not isinstance(value, bool)
        if good and low is not None and not low <= value <= high:
            word, good = f"{low} to {high}", False
        if not good:
            raise ToolError(f"{name} is not usable", f"it is not {word}", f"{name} as {word}")
    return given
