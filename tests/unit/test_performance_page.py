"""The page of numbers is what the script makes of the findings, and no goal is passed over."""

from __future__ import annotations

import importlib.util
from pathlib import Path
from types import ModuleType

import pytest

from benchmarks.__main__ import benchmarks
from benchmarks.besides import BESIDES
from benchmarks.goals import GOALS, PROOFS, Goal, Proof

ROOT = Path(__file__).parents[2]


@pytest.fixture(scope="module")
def script() -> ModuleType:
    spec = importlib.util.spec_from_file_location(
        "performance", ROOT / "scripts/docs/performance.py"
    )
    assert spec
    assert spec.loader
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_the_page_is_made_from_the_findings(script: ModuleType):
    assert (ROOT / "docs/performance.md").read_text() == script.page(script.read(script.RESULTS))


@pytest.mark.parametrize("goal", GOALS, ids=lambda goal: f"{goal.issue} {goal.what} {goal.text}")
def test_a_goal_is_met_or_has_its_reason(goal: Goal, script: ModuleType):
    value = goal.measured(script.read(script.RESULTS))
    assert value is not None, f"measure it: python -m benchmarks.suite {goal.name}"
    assert goal.met(value) or goal.reason


@pytest.mark.parametrize("proof", PROOFS, ids=lambda proof: proof.what)
def test_a_goal_that_a_test_holds_has_that_test(proof: Proof):
    assert (ROOT / proof.test).exists()


def test_what_is_read_is_measured():
    known = {*benchmarks(), "chaos"}
    assert {one.name for one in (*GOALS, *BESIDES)} <= known


def test_what_we_lose_is_said_and_explained(script: ModuleType):
    text = script.besides(script.read(script.RESULTS))
    behind = [line for line in text.splitlines() if line.startswith("- **")]
    assert text.count("**behind**") == len(behind)
    assert not [line for line in behind if line.endswith(":")]


def test_a_slice_or_a_skipped_run_does_not_replace_a_whole_one(script: ModuleType):
    def run(form: str, verdict: str) -> dict[str, object]:
        one = {"name": "R1", "form": form, "verdict": verdict}
        return {"command": f"{form} {verdict}", "scenarios": [one]}

    whole = script.merged(run("slice", "held"), run("whole", "BROKEN"))
    assert whole["scenarios"][0]["form"] == "whole"
    assert script.merged(whole, run("slice", "held")) == whole
    assert script.merged(whole, run("whole", "skipped")) == whole
    assert script.merged(whole, run("whole", "held")) == run("whole", "held")


def test_a_run_without_peers_says_so(script: ModuleType):
    results = dict(script.read(script.RESULTS))
    results["audit"] = {**results["audit"], "others": {}}
    assert "not installed" in script.besides(results)
