"""Whatever goes wrong is said in words, with a remedy, exit code 3 and no traceback."""

from __future__ import annotations

import socket
import subprocess
import sys
import threading
from pathlib import Path

import pytest

from tests.support.broker import Mosquitto, free_port
from tests.support.served import environment, fleet
from tests.support.waiting import wait_until


def complaint(done: subprocess.CompletedProcess[str]) -> str:
    assert done.returncode == 3, (done.returncode, done.stdout, done.stderr)
    assert "Traceback" not in done.stderr
    assert "Try: " in done.stderr, done.stderr
    return done.stderr


def sidecar(*arguments: str, environ: dict[str, str]) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "agent_sidecar", *arguments],
        env=environ,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )


@pytest.mark.parametrize(
    ("settings", "expected"),
    [
        ({"FLEET_BROKER": "http://127.0.0.1"}, "neither mqtt nor mqtts"),
        ({"FLEET_BROKER": "mqtt://user:secret@host"}, "holds a password"),
        ({"FLEET_BROKER": "mqtt://127.0.0.1:99999"}, "port"),
        ({"FLEET_BROKER": "mqtt://no-such-host.invalid"}, "not known"),
        ({"FLEET_PREFIX": "a/b"}, "topic level"),
        ({"FLEET_HTTP": "8088"}, "host:port"),
        ({"FLEET_INTERVAL": "soon"}, "not a number of seconds"),
        ({"FLEET_PASSWORD_FILE": "/nonexistent/secret"}, "cannot be read"),
    ],
)
def test_a_bad_setting_is_explained(
    tmp_path: Path, settings: dict[str, str], expected: str
) -> None:
    said = complaint(fleet("status", environ=environment(tmp_path, **settings)))
    assert expected in said
    assert "secret@" not in said


def test_no_broker(tmp_path: Path) -> None:
    environ = environment(tmp_path, FLEET_BROKER=f"mqtt://127.0.0.1:{free_port()}")
    for arguments in (["status"], ["serve"], ["monitor"], ["command", "health-check", "--all"]):
        assert "cannot be reached" in complaint(fleet(*arguments, environ=environ))


def test_something_else_listens_there(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:

        def hang_up() -> None:
            for _ in range(2):
                connection, _ = server.accept()
                connection.recv(100)
                connection.close()

        thread = threading.Thread(target=hang_up, daemon=True)
        thread.start()
        url = f"mqtt://127.0.0.1:{server.getsockname()[1]}"
        said = complaint(fleet("status", environ=environment(tmp_path, FLEET_BROKER=url)))
        thread.join(10)
    assert "does not answer as an MQTT broker" in said


def test_a_wrong_password(tmp_path: Path) -> None:
    folder = tmp_path / "broker"
    folder.mkdir()
    accounts = folder / "passwords"
    accounts.write_text("")
    lines = [f"password_file {accounts}"]
    broker = Mosquitto(folder, lines, anonymous=False).start()
    try:
        secret = tmp_path / "secret"
        secret.write_text("wrong\n")
        secret.chmod(0o600)
        environ = environment(
            tmp_path,
            FLEET_BROKER=f"mqtt://zephyr@127.0.0.1:{broker.port}",
            FLEET_PASSWORD_FILE=str(secret),
        )
        said = complaint(fleet("status", environ=environ))
        assert "refused us" in said
        assert "wrong\n" not in said
        secret.chmod(0o644)
        assert "open to others" in complaint(fleet("status", environ=environ))
    finally:
        broker.stop()


def test_a_bad_configuration_file(tmp_path: Path) -> None:
    (tmp_path / "fleet.toml").write_text("broker = \n")
    assert "is not TOML" in complaint(fleet("status", environ=environment(tmp_path)))
    (tmp_path / "fleet.toml").write_text('brokr = "mqtt://x"\n')
    assert "brokr in line 1 of" in complaint(fleet("status", environ=environment(tmp_path)))


@pytest.mark.parametrize("name", ["Ada", "a b", "../x", "", "-a", "a" * 41])
def test_a_bad_agent_name(tmp_path: Path, name: str) -> None:
    said = complaint(sidecar("beat", environ=environment(tmp_path, FLEET_AGENT=name)))
    assert "name" in said


def test_the_port_of_the_hub_is_taken(tmp_path: Path, broker: Mosquitto) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        address = f"127.0.0.1:{taken.getsockname()[1]}"
        environ = environment(tmp_path, FLEET_BROKER=broker.url, FLEET_HTTP=address)
        assert "cannot be served" in complaint(fleet("serve", environ=environ))


def test_a_home_that_cannot_be_written(tmp_path: Path, broker: Mosquitto) -> None:
    in_the_way = tmp_path / "home"
    in_the_way.write_text("a file where a folder should be")
    environ = environment(
        tmp_path,
        FLEET_HOME=str(in_the_way),
        FLEET_BROKER=broker.url,
        FLEET_HTTP=f"127.0.0.1:{free_port()}",
        FLEET_AGENT="ada",
        FLEET_DROP="-",
    )
    complaint(fleet("serve", environ=environ))
    complaint(sidecar("beat", environ=environ))


@pytest.mark.parametrize(
    "arguments",
    [
        ["nonsense"],
        ["status", "--nonsense"],
        ["status", "Not A Name"],
        ["command", "rm-rf", "ada"],
        ["command", "health-check"],
        ["command", "health-check", "--all", "--limit", "lots"],
        ["validate"],
        ["history", "--since", "yesterday-ish"],
        ["token", "create", "--role", "root"],
        ["alerts", "list"],
    ],
)
def test_a_wrong_call(tmp_path: Path, arguments: list[str]) -> None:
    complaint(fleet(*arguments, environ=environment(tmp_path)))


def test_check_says_unknown_on_stdout_where_monitors_read(tmp_path: Path) -> None:
    environ = environment(tmp_path, FLEET_BROKER=f"mqtt://127.0.0.1:{free_port()}")
    done = fleet("check", environ=environ)
    assert done.returncode == 3
    assert done.stdout.startswith("FLEET UNKNOWN - ")
    assert done.stdout.count("\n") == 1


def test_a_reader_that_leaves_is_no_error(tmp_path: Path) -> None:
    done = subprocess.run(
        ["sh", "-c", '"$0" -m fleet config show | head -1', sys.executable],
        env=environment(tmp_path),
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert done.returncode == 0
    assert done.stderr == ""


def test_waiting_helpers_are_bounded() -> None:
    with pytest.raises(AssertionError, match="did not happen"):
        wait_until(lambda: False, deadline=0.05)
