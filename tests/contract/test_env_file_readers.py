"""One `agent.env` means the same to everybody who reads it, or is refused with its line.

Ours are the sidecar (Python) and `bus-publish` (in each shell that is here). Others are asked too:
systemd by the function that reads `EnvironmentFile=`, in the library that its programs share;
compose by python-dotenv, which reads `env_file` in compose 1. Compose 2 has a reader of its own (in
Go) that is not asked here: its rules, as documented, are why `#` and `$` stand in quotes only.
"""

from __future__ import annotations

import ctypes
import os
import subprocess
from pathlib import Path
from typing import Final

import pytest

from agent_sidecar.config import load
from fleet.contract.errors import ConfigError
from tests.support.one_liner import PRESENT, run

SET: Final = {"WHO": "al pha", "SECRET": "hunter2 hunter2", "EMPTY": ""}
"""What the environment holds; HOME is the test's folder."""

# Each is read for FLEET_AGENT; a value with a blank is no name, and so shows in the error.
MEANS: Final = {
    "plain": (b"FLEET_AGENT=alpha", "alpha"),
    "no line end at the end, comments and blank lines before":
        (b"# FLEET_AGENT=beta\n\n \t \n#\n  # \xc3\xa4 \tx\nFLEET_AGENT=alpha", "alpha"),
    "blanks around the line": (b" \t FLEET_AGENT=alpha \t \n", "alpha"),
    "blanks within": (b"FLEET_AGENT=a b  c\n", "a b  c"),
    "signs": (b"FLEET_AGENT=a=b:/@%+,;!&|<>()[]{}*?^~- c\n", "a=b:/@%+,;!&|<>()[]{}*?^~- c"),
    "single quotes": (b"FLEET_AGENT='a #b \"c\" $HOME `d` '\n", 'a #b "c" $HOME `d` '),
    "double quotes": (b"FLEET_AGENT=\"a #b 'c' \"\n", "a #b 'c' "),
    "letters beyond ASCII": (b'FLEET_AGENT="\xc3\xa4 b"\n', "ä b"),
    "a variable": (b"FLEET_AGENT=x${WHO}\n", "xal pha"),
    "a variable that compose insists on": (b"FLEET_AGENT=x${WHO:?}\n", "xal pha"),
    "variables in double quotes": (b'FLEET_AGENT="${WHO}-${WHO} #"\n', "al pha-al pha #"),
    "names of others": (b"OTHER=/x\nOTHER_1='y'\nFLEET_AGENT=alpha\n", "alpha"),
}  # fmt: skip

REFUSED: Final = {
    "export": (b"FLEET_AGENT=a\nexport FLEET_PREFIX=p\n", 2),
    "no assignment": (b"FLEET_AGENT=a\nFLEET_PREFIX\n", 2),
    "another mark of comments": (b"FLEET_AGENT=a\n;FLEET_PREFIX=p\n", 2),
    "a blank before =": (b"FLEET_AGENT =a\n", 1),
    "a blank after =": (b"FLEET_AGENT= a\n", 1),
    "a blank after = and quotes": (b"FLEET_AGENT= 'a'\n", 1),
    "no name": (b"FLEET_AGENT=a\n=b\n", 2),
    "a name with a dash": (b"FLEET_AGENT=a\nFLEET-PREFIX=b\n", 2),
    "a name that begins with a digit": (b"FLEET_AGENT=a\n1A=b\n", 2),
    "CR LF": (b"FLEET_AGENT=alpha\r\n", 1),
    "CR LF after a comment": (b"# x\r\nFLEET_AGENT=alpha\n", 1),
    "a line hidden behind CR in a comment": (b"# x\rFLEET_AGENT=beta\nFLEET_AGENT=alpha\n", 1),
    "a byte order mark": (b"\xef\xbb\xbfFLEET_AGENT=alpha\n", 1),
    "a byte order mark before a comment": (b"\xef\xbb\xbf# x\nFLEET_AGENT=alpha\n", 1),
    "a comment after a value": (b"FLEET_AGENT=alpha # mine\n", 1),
    "a comment after quotes": (b"FLEET_AGENT='alpha' # mine\n", 1),
    "# within": (b"FLEET_AGENT=al#pha\n", 1),
    "a comment that goes on": (b"# x \\\nFLEET_AGENT=alpha\n", 1),
    "a value that goes on": (b"FLEET_AGENT=al\\\npha\n", 1),
    "a backslash": (b"FLEET_AGENT=a\\tb\n", 1),
    "a backslash in quotes": (b'FLEET_AGENT="a\\tb"\n', 1),
    "a backslash in single quotes": (b"FLEET_AGENT='a\\tb'\n", 1),
    "an open quote": (b"FLEET_AGENT='alpha\nFLEET_PREFIX=p'\n", 1),
    "an open quote of another program": (b'OTHER="x\nFLEET_AGENT=alpha\n"\n', 1),
    "one quote": (b"FLEET_AGENT='\n", 1),
    "a quote within": (b"FLEET_AGENT=al'pha\n", 1),
    "two quoted parts": (b"FLEET_AGENT='al''pha'\n", 1),
    "$NAME": (b"FLEET_AGENT=$WHO\n", 1),
    "$NAME in double quotes": (b'FLEET_AGENT="$WHO"\n', 1),
    "${NAME} in single quotes": (b"FLEET_AGENT='${WHO}'\n", 1),
    "${NAME:-other}": (b"FLEET_AGENT=${WHO:-x}\n", 1),
    "${NAME:?text}": (b"FLEET_AGENT=${WHO:?no}\n", 1),
    "${NAME open": (b"FLEET_AGENT=${WHO\n", 1),
    "${name}": (b"FLEET_AGENT=${who}\n", 1),
    "a command": (b"FLEET_AGENT=`id`\n", 1),
    "a tab within": (b"FLEET_AGENT=a\tb\n", 1),
    "a tab in quotes": (b"FLEET_AGENT='a\tb'\n", 1),
    "letters beyond ASCII without quotes": (b"FLEET_AGENT=\xc3\xa4\n", 1),
    "a blank beyond ASCII": (b"FLEET_AGENT=alpha\xc2\xa0\n", 1),
    "the same twice": (b"FLEET_AGENT=alpha\n\nFLEET_AGENT=beta\n", 3),
    "of another program twice": (b"A=1\nFLEET_AGENT=alpha\nA=2\n", 3),
    "what the file sets itself": (b"WHO=x\nFLEET_AGENT=a${WHO}\n", 2),
    "what the file sets later": (b"FLEET_AGENT=a${WHO}\nWHO=x\n", 2),
    "the home of somebody else": (b"FLEET_HOME=~root/x\nFLEET_AGENT=alpha\n", 1),
}  # fmt: skip


def by_python(path: Path, environ: dict[str, str]) -> tuple[str, str]:
    """(agent, error): one of them is empty."""
    try:
        return load({}, {**environ, "FLEET_AGENT_ENV": str(path)}).agent, ""
    except ConfigError as error:
        return "", str(error)


def by_shell(shell: str, path: Path, environ: dict[str, str]) -> tuple[str, str]:
    answer = run(
        "heartbeat", "--dry-run", home=path.parent, shell=shell,
        **{**environ, "FLEET_AGENT_ENV": str(path)},
    )  # fmt: skip
    assert answer.returncode in (0, 3), answer.stderr
    return answer.stdout.partition("/")[2].partition("/")[0], answer.stderr


def read(reader: str, path: Path, **more: str) -> tuple[str, str]:
    environ = {"HOME": str(path.parent), **SET, **more}
    if reader == "sidecar":
        return by_python(path, environ)
    return by_shell(reader, path, environ)


READERS: Final = ("sidecar", *PRESENT)


def meaning(reader: str, path: Path, **more: str) -> str:
    """The value of FLEET_AGENT, whether it is a name or not; hidden variables are put in again."""
    agent, error = read(reader, path, **more)
    if agent:
        return agent
    first = error.splitlines()[0]
    for end in (" is no agent name: ", " is not usable: a name is "):
        if end in first:
            text = first.partition(end)[0]
            break
    else:
        raise AssertionError(first)
    if reader == "sidecar":
        text = text.removeprefix("agent name ")[1:-1]
        text = text.replace("${WHO}", SET["WHO"]).replace("\\'", "'")
    return as_shown(text)


def as_shown(text: str) -> str:
    """As `bus-publish` shows it on a terminal: what is not ASCII stands as a `?` a byte."""
    return "".join(c if " " <= c <= "~" else "?" * len(c.encode()) for c in text)


@pytest.mark.parametrize("reader", READERS)
@pytest.mark.parametrize("row", MEANS)
def test_a_line_is_understood(reader: str, row: str, tmp_path: Path) -> None:
    path = tmp_path / "agent.env"
    text, value = MEANS[row]
    path.write_bytes(text)
    assert meaning(reader, path) == as_shown(value)


@pytest.mark.parametrize("reader", READERS)
@pytest.mark.parametrize("row", REFUSED)
def test_a_line_is_refused_with_its_number(reader: str, row: str, tmp_path: Path) -> None:
    path = tmp_path / "agent.env"
    text, number = REFUSED[row]
    path.write_bytes(text)
    agent, error = read(reader, path)
    assert agent == ""
    assert error.startswith(f"line {number} of {path} is not usable: ")
    assert "\nTry: " in error


@pytest.mark.parametrize("reader", READERS)
@pytest.mark.parametrize(
    "row", ["CR LF", "a byte order mark", "a byte order mark before a comment"]
)
def test_what_an_editor_did_is_undone_by_the_remedy(reader: str, row: str, tmp_path: Path) -> None:
    path = tmp_path / "agent.env"
    path.write_bytes(REFUSED[row][0].replace(b"# x\n", b"# x\n# y\n"))
    _, error = read(reader, path)
    command = error.partition("\nTry: ")[2].strip()
    assert "sed -i" in command
    subprocess.run(["sh", "-c", command], check=True)
    assert read(reader, path)[0] == "alpha"


@pytest.mark.parametrize("reader", READERS)
def test_a_variable_without_a_value_is_named_with_its_key_and_line(
    reader: str, tmp_path: Path
) -> None:
    path = tmp_path / "agent.env"
    path.write_text("# x\nFLEET_AGENT=a${EMPTY}\n")
    said = f"${{EMPTY}} in FLEET_AGENT in line 2 of {path} has no value: EMPTY is not set"
    agent, error = read(reader, path)
    assert (agent, error[: len(said)]) == ("", said)
    assert "\nTry: export EMPTY=" in error


@pytest.mark.parametrize("reader", READERS)
def test_a_name_of_ours_that_is_no_setting_is_refused(reader: str, tmp_path: Path) -> None:
    path = tmp_path / "agent.env"
    path.write_text("FLEET_AGENT=alpha\nFLEET_DORP=/x\n")
    agent, error = read(reader, path)
    assert agent == ""
    assert error.startswith(f"FLEET_DORP in line 2 of {path} is not a setting")


@pytest.mark.parametrize("reader", READERS)
def test_a_variable_is_looked_into_once(reader: str, tmp_path: Path) -> None:
    path = tmp_path / "agent.env"
    path.write_text("FLEET_AGENT=${OUTER}\n")
    agent, error = read(reader, path, OUTER="${WHO} x")
    assert agent == ""
    assert SET["WHO"] not in error


@pytest.mark.parametrize("reader", PRESENT)
def test_a_home_is_put_in_wherever_the_value_comes_from(reader: str, tmp_path: Path) -> None:
    path = tmp_path / "agent.env"
    for text, more in (
        ("FLEET_AGENT=~/x\n", {}),
        ("FLEET_AGENT='~/x'\n", {}),
        ("# none\n", {"FLEET_AGENT": "~/x"}),
        ("# none\n", {"FLEET_AGENT": "${MINE}/x", "MINE": "~"}),
    ):
        path.write_text(text)
        assert meaning(reader, path, **more) == f"{tmp_path}/x"


def test_a_secret_of_the_environment_shows_in_no_error(tmp_path: Path) -> None:
    path = tmp_path / "agent.env"
    for line in ("FLEET_AGENT=${SECRET}", "FLEET_AGENT=a\nFLEET_INTERVAL=${SECRET}",
                 "FLEET_AGENT=a\nFLEET_BROKER=mqtt://${SECRET}"):  # fmt: skip
        path.write_text(f"{line}\n")
        agent, error = read("sidecar", path)
        assert agent == ""
        assert "hunter2" not in error
        assert "${SECRET}" in error


# --- the readers of others


def by_systemd(path: Path) -> dict[str, str]:
    """What `EnvironmentFile=` makes of it, by systemd's own `load_env_file`."""
    [library, *_] = [*Path("/usr/lib").glob("*/systemd/libsystemd-shared-*.so"),
                     *Path("/usr/lib/systemd").glob("libsystemd-shared-*.so")]  # fmt: skip
    systemd, c = ctypes.CDLL(str(library)), ctypes.CDLL(None)
    c.fopen.restype = ctypes.c_void_p
    stream = ctypes.c_void_p(c.fopen(os.fsencode(path), b"r"))
    found = ctypes.POINTER(ctypes.c_char_p)()
    result = systemd.load_env_file(stream, os.fsencode(path), ctypes.byref(found))
    c.fclose(stream)
    assert result >= 0
    values: dict[str, str] = {}
    for index in range(1000):
        item = found[index]
        if item is None:
            break
        name, _, value = item.decode().partition("=")
        values[name] = value
    return values


def has_systemd() -> bool:
    folders = ("/usr/lib", "/usr/lib/systemd")
    patterns = ("*/systemd/libsystemd-shared-*.so", "libsystemd-shared-*.so")
    return any(
        list(Path(folder).glob(pattern)) for folder, pattern in zip(folders, patterns, strict=True)
    )


@pytest.mark.skipif(not has_systemd(), reason="systemd's library is not here")
@pytest.mark.parametrize("row", MEANS)
def test_systemd_reads_the_same(row: str, tmp_path: Path) -> None:
    """It leaves ${NAME} as it is; our programs put the value in, where it is in the environment."""
    path = tmp_path / "agent.env"
    text, value = MEANS[row]
    path.write_bytes(text)
    handed = by_systemd(path)
    path.write_text("# empty\n")
    assert {meaning(reader, path, **handed) for reader in READERS} == {as_shown(value)}


@pytest.mark.parametrize("row", MEANS)
def test_compose_reads_the_same(row: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """It puts the values in itself; what it does not know it hands on."""
    from dotenv import dotenv_values

    for name, held in SET.items():
        monkeypatch.setenv(name, held)
    path = tmp_path / "agent.env"
    text, value = MEANS[row]
    path.write_bytes(text)
    handed = str(dotenv_values(path)["FLEET_AGENT"])
    path.write_text("# empty\n")
    assert {meaning(reader, path, FLEET_AGENT=handed) for reader in READERS} == {as_shown(value)}
