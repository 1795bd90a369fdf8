"""Whether a hub serves a home, and what it refuses, in words for a command line."""

from __future__ import annotations

import json
import socket
import ssl
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread

import pytest

from fleet.contract.errors import ConfigError
from fleet.hub_client import (
    AwayError,
    BusyError,
    HubClient,
    HubError,
    StandbyError,
    UnavailableError,
)
from fleet.hub_refusals import refused as refusal_of
from fleet.settings import load
from tests.support.certificates import HERE, TestAuthority
from tests.support.http_stub import Stub, answer, says

ALONE = json.dumps({"detail": "no", "code": "unknown-agent", "try": "GET /v1/agents"}).encode()
ANSWERS: tuple[bytes, ...] = (
    answer({"agents": []}), answer([]), answer(None), answer(body=b""),
    answer(body=b"{}", kind="x"), answer(body=b"{"), answer(body=b"\xff"),
    answer(body=b"[" * 20_000), answer(body=b"NaN"),
    answer({"n": 1}, status="201 Created"), answer(body=b"", status="204 No Content"),
    answer({}, status="302 Found"), answer(body=ALONE, status="404 Not Found"),
    answer(body=ALONE, status="422 Unprocessable"), answer(body=b"<html>", status="502 Bad"),
    answer({"offset": 7}, status="416 Range"), answer(body=b"", status="500"),
    answer([], status="401"), answer({"ready": False, "store": False}, status="503 Unavailable"),
    answer({"role": "standby", "leader": "a"}, status="503 Service Unavailable"),
    b"HTTP/1.0 200 OK\r\n\r\n{}", b"", b"ICY 200\r\n\r\n", b"\x16\x03\x01",
    b"HTTP/1.1 200 OK\r\nX: y\r\ncontent-LENGTH:  2 \r\n\r\n{}rest",
    b"HTTP/1.1 200 OK\r\nContent-Length: -5\r\n\r\n{}",
)  # fmt: skip
"""What a hub answers, and what others may in its place."""


@pytest.fixture(params=["plain", "any"])
def way(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    """A hub of this machine, and the same as if it were elsewhere: another client asks."""
    if request.param == "any":
        monkeypatch.setattr("fleet.plain_http.suits", lambda _url: False)


def told(url: str) -> object:
    """What a command is told: the answer, or all that an error says."""
    try:
        return repr(HubClient(url, "secret").get("/v1/agents"))
    except HubError as error:
        return type(error), str(error), error.code, error.offset


@pytest.mark.parametrize("said", ANSWERS)
def test_a_hub_of_this_machine_is_heard_as_any_other(
    said: bytes, monkeypatch: pytest.MonkeyPatch
) -> None:
    with Stub(says(said)) as stub:
        near = told(stub.url)
        monkeypatch.setattr("fleet.plain_http.suits", lambda _url: False)
        assert near == told(stub.url)


def test_a_home_without_a_hub_is_served_by_none(tmp_path: Path) -> None:
    assert HubClient.serving(tmp_path) is None


def test_what_a_killed_hub_left_in_its_home_does_not_stand_for_it(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        hub = HubClient(f"http://127.0.0.1:{listener.getsockname()[1]}", "secret")
        hub.write(tmp_path)
        assert HubClient.serving(tmp_path) == hub
    assert HubClient.serving(tmp_path) is None


def refused(status: int, body: bytes) -> str:
    return str(refusal_of(status, body))


@pytest.mark.parametrize(
    ("body", "said"),
    [
        ({"detail": "there is no such agent", "try": "GET /v1/agents"}, "Try: fleet status"),
        ({"detail": "no", "try": "fleet token create"}, "Try: fleet token create"),
        (
            {"detail": "no", "try": "Authorization: Bearer TOKEN; fleet token create"},
            "Try: fleet token create",
        ),
        ({"try": "GET /v1/openapi.json describes every field"}, "Try: the same with --help"),
        ({"try": "GET /v1/openapi.json lists every route"}, "Try: the same release"),
        ({"try": "use a new ULID"}, "Try: another --id"),
        ({"ready": False, "broker": False, "store": True}, "the hub is not ready: no broker"),
    ],
)
def test_the_hubs_remedies_become_commands(body: dict[str, object], said: str) -> None:
    assert said in refused(503, json.dumps(body).encode())


def test_an_answer_that_is_not_json_is_told_by_its_status() -> None:
    assert "HTTP 502" in refused(502, b"<html>")
    assert "Try: " in refused(500, b"Internal Server Error")


@pytest.mark.parametrize(
    ("status", "body", "headers", "again"),
    [
        (502, b"<html>", {}, True),
        (503, b"", {}, True),
        (504, b"upstream", {}, True),
        (503, b'{"detail": "the store is away"}', {"Retry-After": "60"}, True),
        (503, b'{"detail": "this hub serves no work"}', {}, False),
        (500, b"", {"Retry-After": "1"}, False),
    ],
)
def test_what_passes_by_itself_is_told_from_what_does_not(
    status: int, body: bytes, headers: dict[str, str], again: bool
) -> None:
    refusal = refusal_of(status, body, headers.get("Retry-After", ""))
    assert isinstance(refusal, UnavailableError) is again


def busy_until(served: int, seconds: bytes) -> Stub:
    """A hub that has too much to do for all requests before the one of number `served`."""
    asked = []

    def script(link: socket.socket, path: str) -> None:
        asked.append(path)
        busy = answer({"detail": "too many requests"}, status="429 Too Many Requests")
        said = busy.replace(b"Content-Type", b"Retry-After: " + seconds + b"\r\nContent-Type", 1)
        link.sendall(answer({"n": len(asked)}) if len(asked) >= served else said)

    return Stub(script)


@pytest.mark.usefixtures("way")
def test_a_hub_that_has_too_much_to_do_is_asked_again() -> None:
    with busy_until(3, b"0") as stub:
        assert HubClient(stub.url, "secret").get("/v1/agents") == {"n": 3}


@pytest.mark.usefixtures("way")
def test_nobody_waits_for_it_without_end() -> None:
    with busy_until(3, b"3600") as stub, pytest.raises(BusyError, match="too many requests"):
        HubClient(stub.url, "secret").get("/v1/agents")


@pytest.mark.usefixtures("way")
def test_a_foreign_server_is_no_hub(tmp_path: Path) -> None:
    """Python's own web server with a page where the hub would have its agents."""
    (tmp_path / "agents").write_text("<html>")
    handler = partial(SimpleHTTPRequestHandler, directory=str(tmp_path))
    with ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        Thread(target=server.serve_forever, daemon=True).start()
        url = f"http://127.0.0.1:{server.server_port}"
        with pytest.raises(HubError, match=r"is no hub: its answer is not JSON\nTry: FLEET_HUB"):
            HubClient(url, "secret").get("/agents")
        server.shutdown()


@pytest.mark.usefixtures("way")
def test_what_speaks_no_http_is_no_hub() -> None:
    with (
        Stub(lambda link, _: link.sendall(b"\x20\x02\x00\x00\r\n")) as stub,
        pytest.raises(HubError, match="is no hub: BadStatusLine"),
    ):
        HubClient(stub.url, "secret").get("/v1/agents")


@pytest.mark.usefixtures("way")
def test_a_hub_that_hangs_up_without_an_answer_is_away() -> None:
    with (
        Stub(lambda _link, _path: None) as stub,
        pytest.raises(AwayError, match="does not answer: Remote end closed"),
    ):
        HubClient(stub.url, "secret").get("/v1/agents")


@pytest.mark.parametrize("secure", [False, True], ids=["plain", "tls"])
def test_a_link_that_breaks_while_content_is_sent_broke_over_tls_too(
    tmp_path: Path, secure: bool
) -> None:
    """And is no server that speaks no TLS."""
    authority = TestAuthority(tmp_path / "ca")
    context = authority.serving() if secure else None
    headers = {"Content-Length": str(192 * 65_536)}
    with Stub(lambda _link, _path: None, context=context) as stub:
        client = HubClient(stub.url, "secret", ca_file=str(authority.file) if secure else "")
        blocks = (bytes(65_536) for _ in range(192))
        with (
            pytest.raises(AwayError, match="does not answer: "),
            client.opened("PUT", "/v1/blobs/x", blocks, headers),
        ):
            pass


@pytest.mark.usefixtures("way")
def test_a_redirect_is_not_followed_with_the_token() -> None:
    asked: list[str] = []

    def elsewhere(link: socket.socket, path: str) -> None:
        asked.append(path)
        link.sendall(b"HTTP/1.1 302 Found\r\nLocation: /v1/other\r\nContent-Length: 0\r\n\r\n")

    with Stub(elsewhere) as stub, pytest.raises(HubError, match="HTTP 302: it sends us elsewhere"):
        HubClient(stub.url, "secret").get("/v1/agents")
    assert asked == ["/v1/agents"]


@pytest.mark.usefixtures("way")
def test_an_answer_without_end_is_not_read_to_its_end(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("fleet.hub_client.MAX_ANSWER", 2**20)
    with (
        Stub(says(answer(body=b" " * (2**20 + 1)))) as stub,
        pytest.raises(HubError, match="its answer is larger than 1 MiB"),
    ):
        HubClient(stub.url, "secret").get("/v1/agents")


def test_a_token_in_the_open_is_warned_of_once(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    token = tmp_path / "token"
    token.write_text("secret")
    token.chmod(0o600)

    def ask(url: str) -> str:
        environ = {"FLEET_HUB": url, "FLEET_HUB_TOKEN_FILE": str(token)}
        assert HubClient.asked(load({"home": str(tmp_path)}, environ))
        return capsys.readouterr().err

    for safe in ("https://hub.lan:8088", "http://127.0.0.1:8088", "http://localhost:8088"):
        assert ask(safe) == ""
    assert "http://hub.lan:8088 is asked without TLS" in ask("http://hub.lan:8088")
    assert ask("http://hub.lan:8088") == ""


@pytest.mark.parametrize(
    ("trusted", "names", "ends", "why", "remedy"),
    [
        ("other", HERE, 100, "of a CA that is not trusted here", "ca/ca.pem of the hub's home"),
        ("ca", ("elsewhere.lan",), 100, "for another name", "a name of its certificate"),
        ("ca", HERE, -0.5, "has expired", "date here"),
    ],
)
def test_a_hub_whose_certificate_is_not_taken_is_told_by_what_is_wrong(
    tmp_path: Path, trusted: str, names: tuple[str, ...], ends: float, why: str, remedy: str
) -> None:
    authority = TestAuthority(tmp_path / "ca")
    shown = authority.issue("hub", names=names, ends=ends)
    known = authority.file if trusted == "ca" else TestAuthority(tmp_path / "other").file
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(shown, shown.with_suffix(".key"))
    server = ThreadingHTTPServer(("127.0.0.1", 0), SimpleHTTPRequestHandler)
    server.socket = context.wrap_socket(server.socket, server_side=True)
    server.handle_error = lambda *_: None  # type: ignore[method-assign]
    thread = Thread(target=server.serve_forever)
    thread.start()
    url = f"https://127.0.0.1:{server.server_address[1]}"
    try:
        with pytest.raises(HubError) as failed:
            HubClient(url, "secret", ca_file=str(known)).get("/v1/agents")
    finally:
        server.shutdown()
        thread.join()
        server.server_close()
    assert failed.value.what == f"TLS with the hub {url} failed"
    assert why in failed.value.why
    assert "SSL" not in failed.value.why
    assert remedy in failed.value.remedy


def test_a_home_whose_hub_stands_by_says_who_leads(tmp_path: Path) -> None:
    said = {"ready": False, "role": "standby", "leader": "attic/7/ab"}
    with Stub(says(answer(said, status="503 Service Unavailable"))) as stub:
        HubClient(stub.url, "").write(tmp_path)
        assert HubClient.serving(tmp_path) is None
        with pytest.raises(StandbyError, match="this hub stands by: attic/7/ab leads") as said_so:
            HubClient.of(tmp_path)
        assert isinstance(said_so.value, UnavailableError), "it reads in a moment: ask again"
    HubClient.withdraw(tmp_path)
    assert not HubClient.is_standby(tmp_path)


@pytest.mark.parametrize("url", ["http://127.0.0.1:9", "https://hub.example"])
def test_a_file_that_holds_no_token_is_told_before_anybody_is_asked(
    tmp_path: Path, url: str
) -> None:
    token = tmp_path / "token"
    token.write_text("tök")
    token.chmod(0o600)
    settings = load({}, {"FLEET_HUB": url, "FLEET_HUB_TOKEN_FILE": str(token)})
    with pytest.raises(ConfigError, match="holds no token") as told:
        HubClient.asked(settings)
    assert "fleet token create" in told.value.remedy
