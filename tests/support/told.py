"""A hub's route to a receiver of this test, and what arrived there."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from pathlib import Path

from fleet.store.sqlite import FILE_NAME
from tests.support.prometheus import Webhook

Told = list[tuple[str, str, str]]
"""(code, state, agent), in the order of arrival."""


def route_to(webhook: Webhook, home: Path) -> None:
    """Let the hub of `home` tell `webhook` every alert."""
    home.mkdir(parents=True, exist_ok=True)
    secret, settings = home / "hook.secret", home / "fleet.toml"
    secret.write_text("a long random word")
    secret.chmod(0o600)
    before = settings.read_text() if settings.exists() else ""
    settings.write_text(
        f'{before}\n[routes.oncall]\nchannel = "webhook"\nsecret_file = "hook.secret"\n'
        f'url = "{webhook.url}"\n'
    )


def told(webhook: Webhook) -> Told:
    return [
        (post["code"], post["state"], alert["agent"])
        for post in webhook.json()
        for alert in post["members"]
    ]


def is_noted(home: Path, agent: str, code: str) -> bool:
    """Whether a hub that is started after a kill would know that it was told to fire."""
    database = sqlite3.connect(f"file:{home / FILE_NAME}?mode=ro", uri=True, timeout=10)
    with closing(database):
        query = "SELECT told FROM alert WHERE agent = ? AND code = ?"
        return database.execute(query, (agent, code)).fetchall() == [("firing",)]
