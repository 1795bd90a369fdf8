"""The reload action is read from the local settings and nothing else."""

from __future__ import annotations

import http.server
import os
import signal
import sys
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from agent_sidecar.commands.reload import parse
from fleet.contract.errors import ConfigError
from fleet.contract.vocabulary import ReplyCode
from tests.support.other_user import UID, as_root


def run(text: str, pid: int | None = None, timeout: float = 10.0) -> ReplyCode:
    return parse(text, lambda: pid, timeout).run()


def test_a_command_line_is_run_by_argv_without_a_shell(tmp_path: Path) -> None:
    target = tmp_path / "a b;c $(id)"
    assert run(f"touch '{target}'") is ReplyCode.OK
    assert target.exists()
    assert run("true; touch x") is ReplyCode.ACTION_FAILED


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("false", "false ended with code 1"),
        ("/no/such/program", "/no/such/program: No such file or directory"),
        ("signal:HUP", "no process of the agent is known"),
    ],
)
def test_an_action_that_fails_says_why_on_this_machine(
    text: str, why: str, caplog: pytest.LogCaptureFixture
) -> None:
    assert run(text) is ReplyCode.ACTION_FAILED
    assert why in caplog.text


def test_a_command_that_hangs_is_ended_with_its_children() -> None:
    code = "import subprocess; subprocess.run(['sleep', '60'])"
    assert run(f'{sys.executable} -c "{code}"', timeout=0.3) is ReplyCode.ACTION_TIMEOUT


def test_a_signal_goes_to_the_agents_process() -> None:
    got: list[int] = []
    before = signal.signal(signal.SIGUSR2, lambda number, _frame: got.append(number))
    try:
        assert run("signal:USR2", os.getpid()) is ReplyCode.OK
    finally:
        signal.signal(signal.SIGUSR2, before)
    assert got == [signal.SIGUSR2]


@pytest.mark.parametrize("text", ["signal:NOPE", "nginx 'open"])
def test_an_action_that_cannot_be_read_is_an_error_at_the_start(text: str) -> None:
    with pytest.raises(ConfigError):
        parse(text, lambda: None)


@pytest.fixture
def server() -> Iterator[str]:
    class Handler(http.server.BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            codes = {"/reload": 204, "/away": 302}
            self.send_response(codes.get(self.path, 500))
            self.send_header("Location", "/reload")
            self.end_headers()

        def log_message(self, *_: object) -> None:
            pass

    with http.server.HTTPServer(("127.0.0.1", 0), Handler) as httpd:
        thread = threading.Thread(target=httpd.serve_forever, args=(0.01,))
        thread.start()
        yield f"http://127.0.0.1:{httpd.server_port}"
        httpd.shutdown()
        thread.join()


def test_an_url_is_posted_to(server: str) -> None:
    assert run(f"{server}/reload") is ReplyCode.OK
    assert run(f"{server}/broken") is ReplyCode.ACTION_FAILED


def test_a_redirect_is_not_followed(server: str) -> None:
    assert run(f"{server}/away") is ReplyCode.ACTION_FAILED


def test_an_url_that_nobody_answers_fails() -> None:
    assert run("http://127.0.0.1:1/reload") is ReplyCode.ACTION_FAILED


@as_root
def test_a_program_that_another_user_can_change_is_not_run(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    program = tmp_path / "reload-agent"
    program.write_text(f"#!/bin/sh\ntouch {tmp_path}/ran\n")
    program.chmod(0o755)
    os.chown(program, UID, UID)
    assert run(str(program)) is ReplyCode.ACTION_FAILED
    assert f"belongs to uid {UID}" in caplog.text
    assert not (tmp_path / "ran").exists()
    os.chown(program, 0, 0)
    assert run(str(program)) is ReplyCode.OK
    assert (tmp_path / "ran").exists()
