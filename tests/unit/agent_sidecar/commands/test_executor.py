"""What becomes of a command that the queue gives out."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from agent_sidecar.commands.config_reload import reload_action
from agent_sidecar.commands.executor import CHECK_TIME, Executor, Reload
from agent_sidecar.commands.queue import CommandQueue, CommandReply, InboundMessage
from agent_sidecar.probes.base import Assembly
from agent_sidecar.state.database import Database
from agent_sidecar.state.seen_ids import SeenIds
from agent_sidecar.state.session import Session
from agent_sidecar.telemetry.encoding import encode
from fleet.contract.schema_validator import schema_validators
from fleet.contract.vocabulary import MessageKind, ReplyCode, Result, Verb

NOON = 1_800_000_000.0


class Bench:
    """An executor whose surroundings are noted and do nothing."""

    def __init__(self, folder: Path, reload: Reload = lambda: ReplyCode.OK) -> None:
        seen = SeenIds(Database(folder / "outbox.sqlite3"))
        session = Session.begin(folder / "session.json", NOON)
        self.queue = CommandQueue(schema_validators(), {}, seen, session, 0.0)
        self.probed: list[float] = []
        self.replies: list[CommandReply] = []
        self.called: list[Callable[[], None]] = []
        self.executor = Executor(
            self.queue,
            reload,
            probe=self.probed.append,
            reply=lambda reply, _now: self.replies.append(reply),
            call=self.called.append,
        )

    def order(self, verb: str) -> None:
        inbound = InboundMessage(MessageKind.COMMAND, "fleet/alpha/command", encode({"verb": verb}))
        assert self.queue.receive(inbound, NOON, 0.0) is None
        self.executor.work(NOON, 0.0)

    def outcome(self) -> list[tuple[str, Result, ReplyCode]]:
        return [(reply.verb, reply.result, reply.code) for reply in self.replies]


@pytest.fixture
def bench(tmp_path: Path) -> Bench:
    return Bench(tmp_path)


def test_every_verb_of_the_contract_has_its_action_and_no_other_word_has_one(bench: Bench) -> None:
    assert set(bench.executor.actions) == set(Verb)


@pytest.mark.parametrize("verb", [Verb.VERSION_REPORT, Verb.STATUS_REPORT])
def test_a_report_is_done_with_the_status_that_carries_its_reply(bench: Bench, verb: Verb) -> None:
    bench.order(verb.value)
    assert bench.outcome() == [(verb.value, Result.DONE, ReplyCode.OK)]
    assert not bench.probed


def test_a_health_check_probes_and_answers_when_every_probe_has(bench: Bench) -> None:
    bench.order("health-check")
    assert bench.probed == [0.0]
    bench.executor.probed(True, 1.0)
    assert bench.replies == [], "a probe is still out"
    assert bench.executor.busy
    bench.executor.probed(False, 2.0)
    assert bench.outcome() == [("health-check", Result.DONE, ReplyCode.OK)]
    assert not bench.executor.busy


def test_a_probe_that_never_answers_fails_the_health_check_in_time(bench: Bench) -> None:
    bench.order("health-check")
    assert bench.executor.due() == CHECK_TIME
    assert bench.executor.overdue(CHECK_TIME)
    bench.executor.probed(True, CHECK_TIME)
    assert bench.outcome() == [("health-check", Result.FAILED, ReplyCode.PROBE_FAILED)]


OUTCOMES = {
    ReplyCode.OK: Result.DONE,
    ReplyCode.CONFIG_INVALID: Result.FAILED,
    ReplyCode.ACTION_FAILED: Result.FAILED,
    ReplyCode.NOT_CONFIGURED: Result.UNSUPPORTED,
}


@pytest.mark.parametrize("code", OUTCOMES)
def test_a_reload_is_answered_in_the_loops_thread(tmp_path: Path, code: ReplyCode) -> None:
    bench = Bench(tmp_path, lambda: code)
    bench.order("config-reload")
    while not bench.called:
        pass  # the action runs in a thread of its own; the time limit of the test bounds this
    assert bench.replies == [], "nothing is said from the other thread"
    bench.called.pop()()
    if code in (ReplyCode.OK, ReplyCode.CONFIG_INVALID):
        assert len(bench.probed) == 1, "the digest comes with a round of probes"
        bench.executor.probed(False, 1.0)
    assert bench.outcome() == [("config-reload", OUTCOMES[code], code)]


def test_what_does_not_validate_is_not_acted_upon(tmp_path: Path) -> None:
    acted = tmp_path / "acted"
    valid: list[bool | None] = [False]
    agent = Assembly("generic", [], valid=lambda: valid[0])
    reload = reload_action(f"touch {acted}", agent)
    assert reload() is ReplyCode.CONFIG_INVALID
    assert not acted.exists()
    for word in (None, True):
        valid[0] = word
        assert reload() is ReplyCode.OK
    assert acted.exists()
    assert reload_action("", agent)() is ReplyCode.NOT_CONFIGURED
    assert reload_action("none", agent)() is ReplyCode.OK


def test_done_waits_for_the_agent_to_have_taken_it_up(monkeypatch: pytest.MonkeyPatch) -> None:
    looks = iter([False, False, True])
    agent = Assembly("generic", [], in_effect=lambda: next(looks))
    assert reload_action("none", agent)() is ReplyCode.OK
    assert list(looks) == []
    monkeypatch.setattr("agent_sidecar.commands.config_reload.EFFECT_TIME", 0.0)
    never = Assembly("generic", [], in_effect=lambda: False)
    assert reload_action("none", never)() is ReplyCode.ACTION_TIMEOUT
    dead = Assembly("generic", [], in_effect=lambda: True, lives=lambda: False)
    assert reload_action("none", dead)() is ReplyCode.ACTION_TIMEOUT
    assert reload_action("true", dead)() is ReplyCode.ACTION_TIMEOUT
