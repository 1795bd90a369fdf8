"""YAML that somebody else wrote: ten lines of aliases can stand for 10^9 values."""

from __future__ import annotations

from typing import Any, Final

from fleet.contract.errors import ConfigError

MAX_NODES: Final = 200_000
"""Values of a document with each alias written out: 10,000 agents have some 100,000."""


def parse(text: str) -> object:
    """What stands in `text`.

    Raises:
        ConfigError: it is no YAML, or stands for too much.
    """
    import yaml

    try:
        loader = yaml.SafeLoader(text)
        node = loader.get_single_node()
        if node is None:
            return None
        _written_out(node, {}, frozenset())
        return loader.construct_document(node)
    except (yaml.YAMLError, ValueError, RecursionError) as error:  # also a date that is none
        why = str(error).splitlines()[0]
        raise ConfigError("the list is neither JSON nor YAML", why, "a compose file") from None


def _written_out(node: Any, known: dict[int, int], above: frozenset[int]) -> int:
    """How many values a node stands for; one that holds itself stands for too many.

    Raises:
        ConfigError: too many.
    """
    key = id(node)
    if key in known:
        return known[key]
    held = node.value if isinstance(node.value, list) else []
    parts = (part for item in held for part in (item if isinstance(item, tuple) else (item,)))
    count = MAX_NODES + 1
    if key not in above:
        count = 1 + sum(_written_out(part, known, above | {key}) for part in parts)
    if count > MAX_NODES:
        what, why = "the list is too large", f"its aliases stand for more than {MAX_NODES:,} values"
        raise ConfigError(what, why, "write out what they stand for")
    known[key] = count
    return count
