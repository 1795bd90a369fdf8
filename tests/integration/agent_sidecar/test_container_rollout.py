"""A Docker container goes to another version and back by a rollout, on a real engine, each by the
digest that a real registry gave its image. One that runs, and that another is made beside."""

from __future__ import annotations

import json
import logging
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from agent_sidecar.work.update import container
from agent_sidecar.work.update.commands import Commands
from agent_sidecar.work.update.journal import Journal, Note, Phase
from agent_sidecar.work.update.updater import Updater
from agent_sidecar.work.update_plan import UpdatePlan, parse
from fleet.contract.errors import FleetError
from fleet.contract.update_words import UpdateAction, UpdateOrder
from fleet.contract.work_vocabulary import TaskReason
from fleet.provisioning.registry import Enrolled
from tests.support import registry
from tests.support.broker import Mosquitto
from tests.support.docker import IMAGE, NEEDS_ENGINE, Docker, engine
from tests.support.registry import Registry
from tests.support.served import Served
from tests.support.sidecar import Sidecar
from tests.support.waiting import wait_until
from tests.support.work_hub import WorkHub

pytestmark = [
    *NEEDS_ENGINE,
    pytest.mark.skipif(bool(registry.why_not()), reason=registry.why_not()),
]
ROLLOUT = "01JQ00000000000000000R0001"
LONG = 120.0
SCRIPT = (
    "/bin/sh",
    "-c",
    'case $MADE_AS in *:3.*) exit 1;; esac; trap "exit 0" TERM; while :; do sleep 0.1; done',
)
"""Version 3.0 starts, and ends at once."""


@dataclass
class World:
    """An engine and a registry with four versions of an image; of the engine's own only 1.0."""

    docker: Docker
    registry: Registry

    @property
    def image(self) -> str:
        return f"{self.registry.address}/bots/bot"

    def publish(self, *versions: str) -> None:
        for version in versions:
            name = f"{self.image}:{version}"
            self.docker.make_image(name)
            self.docker.run("push", "--quiet", name)
            self.docker.run("rmi", "--force", name)

    def digest(self, version: str) -> str:
        name = f"{self.image}:{version}"
        self.docker.run("pull", "--quiet", name)
        (given,) = self.docker.run(
            "image", "inspect", "--format", '{{join .RepoDigests " "}}', name
        ).split()
        return given.partition("@")[2]

    def begin(self, name: str) -> str:
        """The container that a person started, with a policy that must not stay."""
        return self.docker.run(
            "run", "-d", "--name", name, "--network", "none", "--restart", "always",
            f"{self.image}:1.0", *SCRIPT,
        )  # fmt: skip

    def table(self, name: str, **changes: Any) -> dict[str, Any]:
        return {
            "type": "docker", "container": name, "image": self.image,
            "allow": ["1.*", "2.*", "3.*"],
            "run": ["--network", "none", "{image}", *SCRIPT], "environment": ["DOCKER_HOST"],
            **changes,
        }  # fmt: skip

    def running(self, name: str) -> list[str]:
        """The names of those that run, of this one and those that were laid aside for it."""
        every = self.docker.run("ps", "--format", "{{.Names}}").split()
        return sorted(one for one in every if one == name or one.startswith(f"{name}-"))

    def id_of(self, name: str) -> str:
        return self.docker.run("inspect", "--format", "{{.Id}}", name)

    def made_of(self, name: str) -> str:
        return self.docker.run("inspect", "--format", "{{.Config.Image}}", name)


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    with engine() as docker, Registry(tmp_path_factory.mktemp("registry")) as served:
        made = World(docker, served)
        made.publish("1.0", "2.0", "3.0")
        yield made


@pytest.fixture
def as_client(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("DOCKER_HOST", "HOME", "PATH"):
        monkeypatch.setenv(name, world.docker.environ[name])


def updater(plan: UpdatePlan, state: Path) -> Updater:
    state.mkdir(mode=0o700, exist_ok=True)
    return Updater(plan, state, Commands(plan.timeout, plan.environment))


def order(plan: UpdatePlan, state: Path, version: str, leaving: str = "") -> TaskReason | None:
    action = UpdateAction.ROLL_BACK if leaving else UpdateAction.INSTALL
    return updater(plan, state).carry_out(UpdateOrder(action, version, ROLLOUT, leaving))


@pytest.mark.usefixtures("as_client")
def test_a_container_goes_to_a_pinned_digest_and_back_to_the_very_one_without_a_registry(
    world: World, tmp_path: Path
) -> None:
    first, state, digest = world.begin("plain"), tmp_path / "state", world.digest("2.0")
    digests = {"2.1": digest, "2.9": f"sha256:{'0' * 64}"}
    plan = parse(world.table("plain", digests=digests), "work.toml")
    assert order(plan, state, "2.0") is TaskReason.VERSION_REFUSED, "it has no digest here"
    assert order(plan, state, "2.9") is TaskReason.ROLLED_BACK, "there is no such image"
    assert (world.id_of("plain"), world.running("plain")) == (first, ["plain"])
    assert order(plan, state, "2.1") is None
    assert world.made_of("plain") == f"{world.image}:2.1@{digest}", "whatever its tag is there"
    assert world.running("plain") == ["plain"], "never two at a time"
    kept = world.docker.run("inspect", "--format", "{{.HostConfig.RestartPolicy.Name}}", first)
    assert kept == "unless-stopped", "or a restart of the engine would start both"
    world.registry.stop()
    try:
        assert order(plan, state, "1.0", "2.1") is None
    finally:
        world.registry.start()
    assert (world.id_of("plain"), world.running("plain")) == (first, ["plain"])
    world.docker.stop()
    world.docker.start()
    wait_until(lambda: world.running("plain") == ["plain"], what="the one that is in place")


@pytest.mark.usefixtures("as_client")
def test_the_way_back_is_a_persons_own_container_whatever_digest_is_listed_for_its_version(
    world: World, tmp_path: Path
) -> None:
    first, state = world.begin("own"), tmp_path / "state"
    digests = {"1.0": f"sha256:{'0' * 64}", "3.0": world.digest("3.0")}
    plan = parse(world.table("own", digests=digests), "work.toml")
    world.registry.stop()
    try:
        assert order(plan, state, "3.0") is TaskReason.ROLLED_BACK, "3.0 does not stay"
        assert (world.id_of("own"), world.running("own")) == (first, ["own"])
        world.docker.run("stop", "own")  # and as a kill between the two renames leaves it
        world.docker.run("rename", "own", "own-1.0")
        Journal(state).write(Note(ROLLOUT, "3.0", "1.0", Phase.CHANGING))
        assert updater(plan, state).recover() is TaskReason.ROLLED_BACK
        assert (world.id_of("own"), world.running("own")) == (first, ["own"])
    finally:
        world.registry.start()


@pytest.mark.usefixtures("as_client")
def test_one_laid_aside_is_taken_again_forward_only_if_it_would_be_made_so_now(
    world: World, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    first, digests = world.begin("opt"), {"2.0": world.digest("2.0")}

    def install(version: str, *options: str, back: bool = False) -> str:
        run = ["--network", "none", *options, "{image}", *SCRIPT]
        container.install("opt", world.image, version, digests, run, back=back)
        return world.id_of("opt")

    old = install("2.0", "--env", "A=old")
    assert install("1.0", back=True) == first
    assert install("2.0", "--env", "A=old") == old
    assert install("1.0", "--env", "A=new", back=True) == first
    with pytest.raises(ChildProcessError):
        install("2.0", "--no-such-option")
    assert (world.id_of("opt"), world.id_of("opt-2.0")) == (first, old), "nothing was changed"
    new = install("2.0", "--env", "A=new")
    assert "A=new" in world.docker.run("inspect", "--format", "{{.Config.Env}}", new)
    assert world.id_of(f"opt-2.0.{old[:12]}") == old, "out of the way, and not lost yet"
    assert install("1.0") != first, "nothing says what a person's own was made with"
    monkeypatch.setattr(container, "KEPT", 0)
    with monkeypatch.context() as patched, caplog.at_level(logging.WARNING):
        patched.setattr(container, "docker", no_rm)
        assert install("2.0", "--env", "A=new") == new, "what cannot be removed is no fault of it"
    assert "stays: device or resource busy" in caplog.text
    install("1.0", back=True)
    assert not {old, first} & {*world.docker.run("ps", "-aq", "--no-trunc").split()}


@pytest.mark.usefixtures("as_client")
def test_a_container_of_anothers_is_refused_before_anything_stops(
    world: World, capsys: pytest.CaptureFixture[str]
) -> None:
    first, digests = world.begin("bots"), {"2.0": world.digest("2.0")}
    for name, image, act in (
        ("bots-2.0", f"{world.image}:2.0", "run"),
        ("bots-2.0", f"{world.image}:2.0", "create"),
        ("bots-1.0", f"{world.image}:1.0", "create"),
        ("bots-2.0", f"{world.image}:1.0", "create"),
        ("bots-1.0", IMAGE, "create"),
    ):
        words = ["run", "--detach"] if act == "run" else ["create"]
        theirs = world.docker.run(*words, "--name", name, "--network", "none", image, *SCRIPT)
        asked = ["install", "2.0", json.dumps(digests), "{image}", *SCRIPT]
        assert container.main(["bots", world.image, *asked]) == 1
        told = capsys.readouterr().err
        assert f"the container {name} is in the way: it is made of {image}" in told
        assert f"Try: docker rename {name} other-{name}" in told
        assert (world.id_of("bots"), world.id_of(name)) == (first, theirs)
        assert "bots" in world.running("bots")
        world.docker.run("rm", "--force", theirs)


@pytest.mark.usefixtures("as_client")
def test_a_persons_container_is_no_way_back_and_is_not_removed(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    first, run = world.begin("mine"), ["--network", "none", "{image}", *SCRIPT]
    digests = {"2.0": world.digest("2.0")}
    container.install("mine", world.image, "2.0", digests, run)
    assert world.id_of("mine-1.0") == first, "laid aside"
    world.docker.run("rm", "mine-1.0")
    theirs = {
        world.docker.run("create", "--name", name, "--network", "none", image, *SCRIPT)
        for name, image in (
            ("mine-1.0", f"{world.image}:1.0"), ("mine-3.0", f"{world.image}:3.0"),
        )
    }  # fmt: skip
    here = world.id_of("mine")
    with pytest.raises(FleetError, match=r"mine-1\.0 is in the way"):
        container.install("mine", world.image, "1.0", digests, run, back=True)
    assert world.id_of("mine") == here
    monkeypatch.setattr(container, "KEPT", 0)
    container.forget("mine", world.image, None)
    assert theirs <= {*world.docker.run("ps", "-aq", "--no-trunc").split()}
    world.docker.run("rename", "mine-1.0", "other")
    container.install("mine", world.image, "1.0", digests, run, back=True)
    own = world.docker.run("create", "--network", "none", f"{world.image}:1.0", *SCRIPT)
    world.docker.run("rm", "--force", world.id_of("mine"))
    world.docker.run("rename", own, "mine")
    container.install("mine", world.image, "2.0", digests, run)
    assert world.id_of("mine") != here, "it would not know its way back to a person's new one"
    container.install("mine", world.image, "1.0", digests, run, back=True)
    assert world.id_of("mine") == own


def no_rm(*words: str, real: Callable[..., str] = container.docker) -> str:
    if words[0] == "rm":
        raise ChildProcessError("device or resource busy")
    return real(*words)


def test_a_rollout_updates_a_container_and_brings_back_one_that_does_not_stay(
    world: World, tmp_path: Path
) -> None:
    world.begin("bot")
    broker = Mosquitto(tmp_path / "broker").start()
    served = Served(tmp_path / "hub", broker).start()
    hub = WorkHub(served)
    hub.enrol(Enrolled("alpha", groups=("red",)))
    work = tmp_path / "work.toml"
    lines = [f"{name} = {value!r}" for name, value in world.table("bot").items() if name != "run"]
    words = ", ".join(f"'''{word}'''" for word in world.table("bot")["run"])
    lines = ["plain_http = true", "poll = 1", "[update]", *lines, f"run = [{words}]"]
    work.write_text("\n".join(lines) + "\n")
    token = tmp_path / "token"
    token.write_text(served.tokens["alpha"])
    for path in (work, token):
        path.chmod(0o600)
    (tmp_path / "side").mkdir()
    sidecar = Sidecar(
        tmp_path / "side", served.environ["FLEET_BROKER"], FLEET_KIND="generic",
        FLEET_CONTAINER="bot", FLEET_DOCKER=str(world.docker.socket), FLEET_DISK="-",
        FLEET_MEMORY="-", FLEET_HUB=served.url, FLEET_TOKEN_FILE=str(token), FLEET_WORK=str(work),
        DOCKER_HOST=world.docker.environ["DOCKER_HOST"],
    )  # fmt: skip

    def runs(version: str) -> bool:
        found = hub.ask("GET", "/v1/agents/alpha", "viewer")[1]
        return (found.get("versions") or {}).get("agent") == version and found["state"] == "ok"

    def rolled_out(version: str) -> str:
        id_ = hub.new_id()
        body = {"id": id_, "version": version, "verify": 30, "soak": 2, "timeout": LONG}
        hub.done("POST", "/v1/rollouts", "operator", body)
        hub.done("POST", f"/v1/rollouts/{id_}/start", "operator")

        def end() -> str:
            (one,) = hub.done("GET", f"/v1/rollouts/{id_}", "viewer")["agents"]
            is_end = one["state"] in ("committed", "rolled-back", "rollback-failed", "rejected")
            return str(one["state"]) if is_end else ""

        return wait_until(end, LONG, f"the end of the rollout to {version}")

    sidecar.start()
    try:
        wait_until(lambda: runs("1.0"), LONG, "1.0 at the hub")
        assert rolled_out("2.0") == "committed"
        assert runs("2.0")
        assert world.made_of("bot") == f"{world.image}:2.0@{world.digest('2.0')}"
        assert rolled_out("3.0") == "rolled-back", sidecar.log.read_text()
        wait_until(lambda: runs("2.0"), LONG, "2.0 at the hub again")
        assert world.running("bot") == ["bot"]
    finally:
        sidecar.stop()
        served.stop()
        broker.stop()
