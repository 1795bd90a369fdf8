"""What becomes of a command that the queue gives out."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from agent_sidecar.commands.executor import CHECK_TIME, Executor, Reload
from agent_sidecar.commands.queue import CommandQueue, CommandReply, InboundMessage
from agent_sidecar.state.database import Database
from agent_sidecar.state.seen_ids import SeenIds
from agent_sidecar.telemetry.encoding import encode
from fleet.contract.schema_validator import schema_validators
from fleet.contract.vocabulary import MessageKind, ReplyCode, Result, Verb

NOON = 1_800_000_000.0


class Bench:
    """An executor whose surroundings are noted and do nothing."""

    def __init__(self, folder: Path, reload: Reload | None = None) -> None:
        seen = SeenIds(Database(folder / "outbox.sqlite3"))
        self.queue = CommandQueue(schema_validators(), {}, seen)
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


def test_a_reload_that_is_not_configured_says_so(bench: Bench) -> None:
    bench.order("config-reload")
    assert bench.outcome() == [("config-reload", Result.UNSUPPORTED, ReplyCode.NOT_CONFIGURED)]


@pytest.mark.parametrize("code", [ReplyCode.OK, ReplyCode.ACTION_FAILED])
def test_a_reload_is_answered_in_the_loops_thread(tmp_path: Path, code: ReplyCode) -> None:
    bench = Bench(tmp_path, lambda: code)
    bench.order("config-reload")
    while not bench.called:
        pass  # the action runs in a thread of its own; the time limit of the test bounds this
    assert bench.replies == [], "nothing is said from the other thread"
    bench.called.pop()()
    if code is ReplyCode.OK:
        assert len(bench.probed) == 1, "the new digest comes with a round of probes"
        bench.executor.probed(False, 1.0)
    result = Result.DONE if code is ReplyCode.OK else Result.FAILED
    assert bench.outcome() == [("config-reload", result, code)]
