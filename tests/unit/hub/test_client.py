"""Whether a hub serves a home, found out as the command line does."""

from __future__ import annotations

import socket
from pathlib import Path

from fleet.client import HubClient


def test_a_home_without_a_hub_is_served_by_none(tmp_path: Path) -> None:
    assert HubClient.serving(tmp_path) is None


def test_what_a_killed_hub_left_in_its_home_does_not_stand_for_it(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        hub = HubClient(f"http://127.0.0.1:{listener.getsockname()[1]}", "secret")
        hub.write(tmp_path)
        assert HubClient.serving(tmp_path) == hub
    assert HubClient.serving(tmp_path) is None
