"""A silence is about what was named; about everything only where somebody said so."""

from __future__ import annotations

import pytest
from click.testing import CliRunner
from pydantic import ValidationError

from fleet.api.schemas import SilenceBody
from fleet.cli.main import fleet
from fleet.contract.errors import FleetError

BEGIN, SILENCE = ["maintenance", "begin"], ["alerts", "silence"]


def refused(*words: str) -> FleetError:
    error = CliRunner().invoke(fleet, words).exception
    assert isinstance(error, FleetError)
    return error


@pytest.mark.parametrize(
    ("command", "option"),
    [(BEGIN, name) for name in ("agent", "group", "site", "code")]
    + [(SILENCE, name) for name in ("agent", "code")],
)
@pytest.mark.parametrize("value", ["", " "])
def test_an_empty_name_is_not_everybody(command: list[str], option: str, value: str) -> None:
    error = refused(*command, f"--{option}", value)
    assert error.what == f"--{option} is empty"
    assert error.remedy.startswith(f"fleet {' '.join(command)} --{option} NAME")


@pytest.mark.parametrize("command", [BEGIN, SILENCE])
def test_nothing_named_is_everybody_only_where_it_is_said(command: list[str]) -> None:
    assert refused(*command, "--for", "1h").remedy == f"fleet {' '.join(command)} --all"
    both = CliRunner().invoke(fleet, [*command, "--all", "--agent", "ada"])
    assert "--all, or --agent: not both" in both.stderr


@pytest.mark.parametrize("field", ["agent", "scope", "code"])
@pytest.mark.parametrize("value", ["", " ", "group:", "site: "])
def test_the_interface_takes_no_empty_name_either(field: str, value: str) -> None:
    with pytest.raises(ValidationError):
        SilenceBody.model_validate({field: value, "seconds": 60})
