"""Every alert has a command to type next, and it is one of ours."""

from __future__ import annotations

import shlex

import click
import pytest

from fleet.cli.main import fleet
from fleet.contract.vocabulary import AlertCode, HubAlertCode
from fleet.mcp.runbooks import COMMANDS, STEPS


def test_every_alert_with_steps_has_one() -> None:
    assert COMMANDS.keys() == STEPS.keys() == {*AlertCode, *HubAlertCode}


@pytest.mark.parametrize("text", sorted(set(COMMANDS.values())))
def test_it_is_understood(text: str) -> None:
    words = shlex.split(text.format(agent="ada"))
    command: click.Command = fleet
    context = click.Context(fleet, info_name=words.pop(0))
    while isinstance(command, click.Group) and words:
        found = command.get_command(context, words.pop(0))
        assert found is not None, text
        command, context = found, click.Context(found, parent=context)
    command.parse_args(context, words)
