"""What `config-reload` does: look at the configuration, act, and wait for it to be in effect.

A broken configuration is not acted upon, and `done` is no word for a file that nobody took up.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Final

from agent_sidecar.probes.base import Assembly
from fleet.contract.vocabulary import ReplyCode

EFFECT_TIME: Final = 10.0
"""Seconds in which an agent takes up its new configuration; OpenClaw takes about one."""

EFFECT_LOOK: Final = 0.1
"""Seconds between two looks at whether it has."""

_NO_PROGRAM: Final = {"": ReplyCode.NOT_CONFIGURED, "none": ReplyCode.OK}

Reload = Callable[[], ReplyCode]


def reload_action(text: str, agent: Assembly) -> Reload:
    """What `text` configures, between a look at the configuration and one at what came of it.
    `none` stands for agents that apply their configuration themselves; empty is no action.

    Raises:
        ConfigError: it is not understood.
    """
    act = _action(text, agent)

    def reload() -> ReplyCode:
        if agent.valid() is False:
            return ReplyCode.CONFIG_INVALID
        code = act()
        return code if code is not ReplyCode.OK or _took(agent) else ReplyCode.ACTION_TIMEOUT

    return reload


def _action(text: str, agent: Assembly) -> Reload:
    if text in _NO_PROGRAM:
        return lambda: _NO_PROGRAM[text]
    from agent_sidecar.commands.reload import parse  # what runs programs is dear to load

    return parse(text, agent.pid).run


def _took(agent: Assembly) -> bool:
    """Waits for the new configuration to be in effect, where the agent shows that: in one that is
    dead it is not."""
    until = time.monotonic() + EFFECT_TIME
    while agent.lives() is False or agent.in_effect() is False:
        if time.monotonic() >= until:
            return False
        time.sleep(EFFECT_LOOK)
    return True
