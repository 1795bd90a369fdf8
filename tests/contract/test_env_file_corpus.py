"""`agent.env` as people have it: the sidecar and `bus-publish`, in each shell that is here, come to
the same values, or both refuse and name the same line. What one line means is judged in
`test_env_file_readers`; here are whole files, and what their values mean."""

from __future__ import annotations

import os
import shutil
import subprocess
from itertools import pairwise
from pathlib import Path
from typing import Final, NamedTuple

import pytest

from agent_sidecar.config import load
from fleet.contract.errors import ConfigError
from tests.contract import test_env_file_readers as lines
from tests.support.one_liner import PRESENT, SCRIPT, SHELLS, run
from tests.support.other_user import UID, as_root, run_as

READERS: Final = ("sidecar", *PRESENT)


class Values(NamedTuple):
    """What a file comes to."""

    agent: str = "alpha"
    prefix: str = "fleet"
    host: str = "127.0.0.1"
    port: int = 1883
    user: str = ""
    tls: bool = False


A: Final = b"FLEET_AGENT=alpha\n"


def broker(url: str) -> bytes:
    return A + b"FLEET_BROKER='" + url.encode() + b"'\n"


COME_TO: Final = {
    "a name alone": (A, Values()),
    "no line end at the end": (A[:-1], Values()),
    "tabs and blanks around each line": (b"\t FLEET_AGENT=alpha \t\n \t\n\t# x \t\n", Values()),
    "a long name": (b"FLEET_AGENT=" + b"a" * 40, Values("a" * 40)),
    "nothing given": (A + b"FLEET_BROKER=\nFLEET_PREFIX=''\nFLEET_MANAGER=\n", Values()),
    "another prefix": (A + b"FLEET_PREFIX=site-1\n", Values(prefix="site-1")),
    "a comment in Latin-1": (b"# f\xfcr alpha\n" + A, Values()),
    "another program's words": (b"LANG=C\nPATH='/a b'\n" + A, Values()),
    "many lines": (b"# x\n" * 5000 + A, Values()),
    "the scheme in capitals": (broker("MQTT://b"), Values(host="b")),
    "TLS in capitals": (broker("MqttS://b"), Values(host="b", port=8883, tls=True)),
    "a port": (broker("mqtt://b:1884"), Values(host="b", port=1884)),
    "an empty port": (broker("mqtt://b:"), Values(host="b")),
    "the last port": (broker("mqtts://b:65535"), Values(host="b", port=65535, tls=True)),
    "slashes at the end": (broker("mqtt://b:1884//"), Values(host="b", port=1884)),
    "a user": (broker("mqtt://me@b"), Values(host="b", user="me")),
    "a user with an @": (broker("mqtt://me@home@b"), Values(host="b", user="me@home")),
    "a user without a name": (broker("mqtt://@b"), Values(host="b")),
    "IPv6": (broker("mqtt://[::1]"), Values(host="::1")),
    "IPv6 and a port":
        (broker("mqtts://me@[::1]:8884"), Values("alpha", "fleet", "::1", 8884, "me", True)),
}  # fmt: skip

REFUSED: Final = {
    "a prefix with levels": (A + b"FLEET_PREFIX=a/b\n", 2),
    "a prefix that is a filter": (A + b"FLEET_PREFIX=+\n", 2),
    "a prefix in capitals": (A + b"FLEET_PREFIX=Fleet\n", 2),
    "a prefix that begins with -": (A + b"FLEET_PREFIX=-a\n", 2),
    "a prefix that is too long": (A + b"FLEET_PREFIX=" + b"a" * 41 + b"\n", 2),
    "a prefix that is the hub's level": (A + b"FLEET_PREFIX=zephyr\n", 2),
    "the hub's level with levels": (A + b"# x\nFLEET_MANAGER=a/b\n", 3),
    "the hub's level as the prefix": (A + b"FLEET_MANAGER=fleet\n", 2),
    "a name in capitals": (b"# x\nFLEET_AGENT=Alpha\n", 2),
    "a name that is too long": (b"FLEET_AGENT=" + b"a" * 41, 1),
    "a name with a level": (b"FLEET_AGENT=a/b\n", 1),
    "a name with a dot": (b"FLEET_AGENT=a.b\n", 1),
    "another name twice": (A + b"FLEET_AGENT=beta\n", 2),
    "another scheme": (broker("http://b"), 2),
    "no scheme": (broker("b:1883"), 2),
    "a scheme alone": (broker("mqtt://"), 2),
    "no host but a port": (broker("mqtt://:1883"), 2),
    "a user and no host": (broker("mqtt://me@"), 2),
    "a password": (broker("mqtt://me:pw@b"), 2),
    "an empty password": (broker("mqtt://me:@b"), 2),
    "a path": (broker("mqtt://b/mqtt"), 2),
    "a query": (broker("mqtt://b?x=1"), 2),
    "a fragment": (broker("mqtt://b#x"), 2),
    "port 0": (broker("mqtt://b:0"), 2),
    "a port beyond the last": (broker("mqtt://b:65536"), 2),
    "a port in words": (broker("mqtt://b:mqtt"), 2),
    "IPv6 without brackets": (broker("mqtt://::1"), 2),
    "a blank in the address": (broker("mqtt://b c"), 2),
    "a blank after the address": (broker("mqtt://b "), 2),
    "CR LF throughout": (b"FLEET_AGENT=alpha\r\nFLEET_PREFIX=p\r\n", 1),
    "CR LF in the last line": (A + b"FLEET_PREFIX=p\r\n", 2),
    "export throughout": (b"export FLEET_AGENT=alpha\n", 1),
    "YAML": (A + b"FLEET_PREFIX: p\n", 2),
    "a setting misspelt": (A + b"FLEET_BROKR=mqtt://b\n", 2),
    "UTF-16 with a byte order mark": ("\ufeffFLEET_AGENT=alpha\n".encode("utf-16-le"), 1),
    "UTF-16": ("FLEET_AGENT=alpha\n".encode("utf-16-le"), 1),
    "a NUL in a name": (b"FLEET_AGENT=al\0pha\n", 1),
    "a NUL in a comment": (A + b"# x\0\nFLEET_PREFIX=p\n", 2),
    "a NUL at the end of a line": (A + b"FLEET_PREFIX=p\0\nFLEET_MANAGER=m\n", 2),
    "a NUL without a line end": (A + b"FLEET_PREFIX=p\0", 2),
    "a NUL in quotes": (A + b"X='a\0b'\n", 2),
    "NULs for a last line": (A + b"\0\0\0", 2),
    "Latin-1 in quotes": (A + b"FLEET_DROP='/srv/f\xfcr'\n", 2),
    "Latin-1 in another program's words": (b"X='\xfc'\n" + A, 1),
    "Latin-1 for a name": (A + b"\xfc=1\n", 2),
    "Latin-1 at the beginning": (b"\xfc=1\n" + A, 1),
    "letters for a name": (A + "ü=1\n".encode(), 2),
    "half a letter": (A + b"X='\xe2\x82'\n", 2),
    "half a pair of UTF-16": (A + b"X='\xed\xa0\x80'\n", 2),
    "a letter made too long": (A + b"X='\xc0\xaf'\n", 2),
}  # fmt: skip


def by_sidecar(path: Path) -> tuple[Values | None, str]:
    try:
        config = load({}, {"HOME": str(path.parent), "FLEET_AGENT_ENV": str(path)})
    except ConfigError as error:
        return None, str(error)
    link = config.broker
    return Values(
        config.agent, config.topics.prefix, link.host, link.port, link.user, link.tls
    ), ""  # fmt: skip


def by_shell(shell: str, path: Path) -> tuple[Values | None, str]:
    """What `mosquitto_pub` is called with."""
    home = path.parent
    bin_ = home / "bin"
    bin_.mkdir(exist_ok=True)
    spy = bin_ / "mosquitto_pub"
    spy.write_text(f'#!/bin/sh\ncat >/dev/null\nprintf "%s\\n" "$@" >"{home}/argv"\n')
    spy.chmod(0o755)
    answer = run(
        "heartbeat", home=home, shell=shell, path=f"{bin_}:{os.environ['PATH']}",
        FLEET_AGENT_ENV=str(path), FLEET_DROP="-",
    )  # fmt: skip
    if answer.returncode:
        assert answer.returncode == 3, answer.stderr
        return None, answer.stderr
    argv = (home / "argv").read_text().splitlines()
    given = dict(pairwise(argv))
    prefix, agent, _ = given["-t"].split("/")
    tls = "--tls-use-os-certs" in argv
    return Values(agent, prefix, given["-h"], int(given["-p"]), given.get("-u", ""), tls), ""


def read(reader: str, path: Path) -> tuple[Values | None, str]:
    return by_sidecar(path) if reader == "sidecar" else by_shell(reader, path)


@pytest.mark.parametrize("reader", READERS)
@pytest.mark.parametrize("row", COME_TO)
def test_a_file_comes_to_the_same_values(reader: str, row: str, tmp_path: Path) -> None:
    path = tmp_path / "agent.env"
    text, values = COME_TO[row]
    path.write_bytes(text)
    assert read(reader, path) == (values, "")


@pytest.mark.parametrize("reader", READERS)
@pytest.mark.parametrize("row", REFUSED)
def test_a_file_is_refused_with_the_line(reader: str, row: str, tmp_path: Path) -> None:
    path = tmp_path / "agent.env"
    text, number = REFUSED[row]
    path.write_bytes(text)
    values, error = read(reader, path)
    assert values is None
    assert f"line {number} of {path}" in error.splitlines()[0]
    assert "\nTry: " in error
    assert "pw" not in error


def test_the_corpus_is_no_smaller_than_it_was() -> None:
    assert len(COME_TO) + len(REFUSED) >= 60
    assert len(lines.MEANS) + len(lines.REFUSED) >= 50


# --- what is no file, or too much of one


def make_huge(path: Path) -> None:
    path.write_bytes(A + (b"# " + b"0123456789abcdef" * 4 + b"\n") * 16_400)


NO_FILE: Final = {
    "nothing": (Path.exists, "there is no file "),
    "a directory": (Path.mkdir, "there is no file "),
    "a pipe": (os.mkfifo, "there is no file "),
    "a link to nowhere": (lambda path: path.symlink_to("nowhere"), "there is no file "),
    "more than a megabyte": (make_huge, "{path} cannot be read: it is larger than 1048576 bytes"),
}


@pytest.mark.parametrize("reader", READERS)
@pytest.mark.parametrize("row", NO_FILE)
def test_what_is_no_file_of_settings_is_said(reader: str, row: str, tmp_path: Path) -> None:
    path = tmp_path / "agent.env"
    make, said = NO_FILE[row]
    make(path)
    values, error = read(reader, path)
    assert values is None
    assert error.startswith(said.format(path=path))
    assert f"Try: ls -l {path}" in error


@as_root
@pytest.mark.parametrize("reader", READERS)
def test_a_file_that_may_not_be_read_is_said(reader: str, tmp_path: Path) -> None:
    path = tmp_path / "agent.env"
    path.write_bytes(A)
    path.chmod(0o600)
    shutil.copy(SCRIPT, tmp_path / "script")
    tmp_path.chmod(0o755)
    environ = {"HOME": "/", "PATH": os.environ["PATH"], "FLEET_AGENT_ENV": "agent.env"}

    def look() -> None:
        if reader == "sidecar":
            with pytest.raises(ConfigError, match=r"^agent.env cannot be read: "):
                load({}, environ)
            return
        argv = [*SHELLS[reader], "script", "heartbeat", "--dry-run"]
        answer = subprocess.run(argv, env=environ, capture_output=True, text=True, check=False)
        assert (answer.returncode, answer.stdout) == (3, "")
        assert answer.stderr.startswith("agent.env cannot be read: ")

    assert run_as(UID, tmp_path, look) == 0


@pytest.mark.parametrize("reader", READERS)
def test_a_pipe_where_the_file_is_looked_for_is_passed_by(reader: str, tmp_path: Path) -> None:
    """Nothing waits for somebody to write into it."""
    folder = tmp_path / ".config/fleet"
    folder.mkdir(parents=True)
    os.mkfifo(folder / "agent.env")
    environ = {"HOME": str(tmp_path), "FLEET_AGENT": "beta"}
    if reader == "sidecar":
        assert load({}, environ).agent == "beta"
    else:
        answer = run("heartbeat", "--dry-run", home=tmp_path, shell=reader, FLEET_AGENT="beta")
        assert answer.stdout.startswith("fleet/beta/heartbeat ")
