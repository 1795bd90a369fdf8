"""The dashboards are what Grafana's own models of its JSON know: every field, type and word.

`grafana-foundation-sdk` is generated from Grafana's schemas. It reads any JSON: what it does not
know it leaves out, and no type is checked. So what comes back is compared, and each value is held
against the type that its model names.
"""

from __future__ import annotations

import json
import typing
from collections.abc import Iterator
from enum import Enum
from typing import Any

import pytest
from pydantic import ConfigDict, TypeAdapter, ValidationError

from fleet.integrations import grafana
from fleet.integrations.dashboards import DASHBOARDS, Dashboard

pytest.importorskip("grafana_foundation_sdk", reason="grafana-foundation-sdk is not installed")

from grafana_foundation_sdk.cog import plugins, runtime
from grafana_foundation_sdk.cog.encoder import JSONEncoder
from grafana_foundation_sdk.models import dashboard as models

MODELS = "grafana_foundation_sdk"
plugins.register_default_plugins()
ANY = ConfigDict(arbitrary_types_allowed=True)


def lost(given: Any, back: Any, at: str = "") -> Iterator[str]:
    """What `given` has and `back` has not, or otherwise; defaults that were added count not."""
    if isinstance(given, dict) and isinstance(back, dict):
        for key, value in given.items():
            yield from lost(value, back[key], f"{at}/{key}") if key in back else (f"{at}/{key}",)
    elif isinstance(given, list) and isinstance(back, list) and len(given) == len(back):
        for number, pair in enumerate(zip(given, back, strict=True)):
            yield from lost(*pair, f"{at}/{number}")
    elif given != back:
        yield f"{at}: {given!r} is {back!r}"


def faults(model: object, at: str = "") -> Iterator[str]:
    """Values that are not of the type that the model says."""
    for name, hint in typing.get_type_hints(type(model)).items():
        value = getattr(model, name)
        try:
            TypeAdapter(hint, config=ANY).validate_python(value)
        except ValidationError as error:
            yield f"{at}/{name}: {error.errors()[0]['msg']}"
        for part in value if isinstance(value, list) else [value]:
            if type(part).__module__.startswith(MODELS) and not isinstance(part, Enum):
                yield from faults(part, f"{at}/{name}")


def judged(document: dict[str, Any]) -> list[str]:
    """Everything that is wrong with a dashboard."""
    model = models.Dashboard.from_json(document)
    looks = {panel["type"] for panel in document["panels"]}
    unknown = [f"no panel is a {look}" for look in looks if not runtime.panelcfg_config(look)]
    return [*lost(document, json.loads(JSONEncoder().encode(model))), *faults(model), *unknown]


@pytest.mark.parametrize("dashboard", DASHBOARDS, ids=lambda dashboard: dashboard.uid)
def test_grafanas_models_know_each_field_type_and_word(dashboard: Dashboard) -> None:
    assert judged(grafana.document(dashboard)) == []


WRONG = {
    "a field that nobody knows": lambda document: document.update(refrsh="30s"),
    "a field of a query": lambda document: document["panels"][0]["targets"][0].update(exprr="up"),
    "a field of the defaults": lambda document: document["panels"][0]["fieldConfig"][
        "defaults"
    ].update(units="s"),
    "a type": lambda document: document["panels"][0]["gridPos"].update(w="wide"),
    "a word of a variable": lambda document: document["templating"]["list"][0].update(type="sauce"),
    "a word of a query": lambda document: document["panels"][0]["targets"][0].update(format="grid"),
    "a panel": lambda document: document["panels"][0].update(type="statistic"),
}


@pytest.mark.parametrize("what", WRONG)
def test_what_is_wrong_is_seen(what: str) -> None:
    document = json.loads(json.dumps(grafana.document(DASHBOARDS[0])))
    WRONG[what](document)
    assert judged(document) != []
