"""What `type = "docker"` may say, and what a reference of an image does."""

from __future__ import annotations

from typing import Any

import pytest

from agent_sidecar.probes.image_reference import repository_of, version_of
from agent_sidecar.work.update_plan import parse
from fleet.contract.errors import ConfigError

DIGEST = f"sha256:{'0' * 64}"


def table(**changes: Any) -> dict[str, Any]:
    return {
        "type": "docker", "container": "bot", "image": "127.0.0.1:5000/bots/bot",
        "allow": ["1.*"], "run": ["-v", "bot:/data", "{image}", "gateway"], **changes,
    }  # fmt: skip


@pytest.mark.parametrize(
    ("reference", "repository", "version"),
    [
        ("bot", "bot", ""),
        ("bot:1.1", "bot", "1.1"),
        (f"bot@{DIGEST}", "bot", ""),
        (f"host:5000/a/bot:1.1@{DIGEST}", "host:5000/a/bot", "1.1"),
        ("host:5000/bot", "host:5000/bot", ""),
        (DIGEST, "sha256", ""),
        ("bot:-rf", "bot", ""),
    ],
)
def test_a_reference_says_name_and_version(reference: str, repository: str, version: str) -> None:
    assert (repository_of(reference), version_of(reference)) == (repository, version)


def test_the_words_of_a_container_are_words_of_one_call() -> None:
    plan = parse(table(digests={"1.1": DIGEST}), "work.toml")
    assert plan.install[3:] == (
        "bot", "127.0.0.1:5000/bots/bot", "install", "{version}", f'{{"1.1": "{DIGEST}"}}',
        "-v", "bot:/data", "{image}", "gateway",
    )  # fmt: skip
    assert plan.back == tuple("back" if word == "install" else word for word in plan.install)
    assert plan.restart[-1] == "restart"
    assert plan.allows("1.1")
    assert not plan.allows("1.2"), "no digest stands for it"
    assert parse(table(), "work.toml").allows("1.2")


@pytest.mark.parametrize(
    ("changes", "told"),
    [
        ({"image": "bot:1.1"}, "without a tag"),
        ({"image": "--privileged"}, "without a tag"),
        ({"container": "-x"}, "container in [update]"),
        ({"run": ["-v", "x"]}, "one word {image}"),
        ({"run": []}, "has no run"),
        ({"run": ["--name=other", "{image}"]}, "--name=other"),
        ({"run": ["--rm", "{image}"]}, "--rm"),
        ({"digests": {"1.1": "latest"}}, "a digest for each version"),
        ({"restart": ["true"]}, "the type docker brings it"),
        ({"folder": "/opt/bot"}, "type is docker"),
        ({"type": "pip", "package": "bot", "folder": "/opt/bot"}, "type is pip"),
    ],
)
def test_what_cannot_be_is_refused_with_what_can(changes: dict[str, Any], told: str) -> None:
    with pytest.raises(ConfigError) as refused:
        parse(table(**changes), "work.toml")
    assert told in " ".join(refused.value.args)
    assert refused.value.remedy
