"""The report in its four forms, and what may never be in it."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from fleet.cli.main import run

SECRETS = ("jane.roe@example.com", "4111111111111111", "jane-roe", "Jane Roe", "swordfish77")
LINES = (
    {"ts": 1773869400.5, "topic": "fleet/alpha/heartbeat",
     "payload": '{"ok":true,"ts":"2026-03-18T21:30:00Z"}', "retain": True},
    {"ts": "2026-03-18T21:30:01Z", "topic": "fleet/alpha/heartbeat",
     "payload": '{"ok":true,"ts":"2026-03-18T21:30:00Z","note":"Jane Roe jane.roe@example.com"}'},
    {"ts": 1773869402, "topic": "fleet/jane-roe/status",
     "payload": '{"state":"running","ts":"2026-03-18T21:30:00Z",'
                '"versions":{"agent":"4111111111111111"}}'},
    {"ts": 1773869403, "topic": "fleet/alpha/jane.roe@example.com",
     "payload": '{"password":"swordfish77","swordfish77":1}'},
)  # fmt: skip


@pytest.fixture
def capture(tmp_path: Path) -> Path:
    path = tmp_path / "capture.jsonl"
    path.write_text("".join(json.dumps(line) + "\n" for line in LINES))
    return path


@pytest.fixture(autouse=True)
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("FLEET_HOME", str(tmp_path / "home"))
    return tmp_path / "home"


def audit(capsys: pytest.CaptureFixture[str], *arguments: object) -> tuple[int, str]:
    code = run(["audit", "run", *map(str, arguments)])
    return code, capsys.readouterr().out


@pytest.mark.parametrize("form", ["text", "json", "html", "sarif"])
def test_no_form_of_the_report_holds_a_matched_value(
    form: str, capture: Path, capsys: pytest.CaptureFixture[str]
):
    code, text = audit(capsys, "--capture", capture, "-o", form)
    assert code == 2
    assert [secret for secret in SECRETS if secret.lower() in text.lower()] == []


def test_the_json_report_has_the_promised_shape(capture: Path, capsys: pytest.CaptureFixture[str]):
    _, text = audit(capsys, "--capture", capture, "-o", "json")
    report = json.loads(text)
    assert report["messages"] == 4
    assert report["gaps"] == []
    email = next(f for f in report["findings"] if f["rule"] == "pii.email" and f["line"] == 2)
    assert {k: v for k, v in email.items() if k != "digest"} == {
        "line": 2, "topic": "fleet/alpha/heartbeat", "rule": "pii.email",
        "clause": "ADR-0005#personal-data", "severity": "critical", "field": "note", "length": 20,
    }  # fmt: skip
    assert len(email["digest"]) == 16


def test_a_clean_capture_is_0_and_a_gap_is_3(capture: Path, capsys: pytest.CaptureFixture[str]):
    first = capture.read_text().splitlines()[0]
    capture.write_text(first + "\n")
    assert audit(capsys, "--capture", capture)[0] == 0
    gap = '{"gap":"hub-down","since":1773869400,"until":1773869500}'
    capture.write_text(f"{first}\n{gap}\n")
    code, text = audit(capsys, "--capture", capture, "-o", "json")
    assert code == 3
    assert json.loads(text)["gaps"] == [
        {"kind": "hub-down", "since": "2026-03-18T21:30:00.000Z",
         "until": "2026-03-18T21:31:40.000Z", "line": 2}
    ]  # fmt: skip


def test_a_damaged_line_is_a_gap_and_the_rest_is_judged(
    capture: Path, capsys: pytest.CaptureFixture[str]
):
    lines = capture.read_text().splitlines()
    capture.write_text("\n".join([lines[0], lines[1][:40], "[]", "", lines[0]]) + "\n")
    code, text = audit(capsys, "--capture", capture, "-o", "json")
    report = json.loads(text)
    assert (code, report["messages"], len(report["gaps"])) == (3, 2, 2)


def test_a_violation_weighs_more_than_a_gap(capture: Path, capsys: pytest.CaptureFixture[str]):
    capture.write_text(capture.read_text() + "damaged\n")
    assert audit(capsys, "--capture", capture)[0] == 2


def test_no_capture_at_all_is_a_gap(capsys: pytest.CaptureFixture[str]):
    assert audit(capsys)[0] == 3


def test_a_capture_that_cannot_be_read_is_a_complaint(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
):
    assert run(["audit", "run", "--capture", str(tmp_path / "absent")]) == 3
    assert "Try:" in capsys.readouterr().err


def test_payloads_that_are_not_utf_8_survive_the_capture(
    capture: Path, capsys: pytest.CaptureFixture[str]
):
    payload = b"\xff\xfe{".decode("utf-8", "surrogateescape")
    line = {"ts": 1, "topic": "fleet/alpha/heartbeat", "payload": payload, "retain": False}
    capture.write_text(json.dumps(line) + "\n")
    _, text = audit(capsys, "--capture", capture, "-o", "json")
    assert [f["rule"] for f in json.loads(text)["findings"]] == ["contract.malformed"]


def test_a_proposed_adr_is_tried_before_it_is_adopted(
    capture: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
):
    payload = '{"ok":true,"ts":"2026-03-18T21:30:00Z","checks":{"gpu":"pass"}}'
    line = {"ts": 1, "topic": "fleet/alpha/heartbeat", "payload": payload, "retain": False}
    capture.write_text(json.dumps(line) + "\n")
    proposed = tmp_path / "0100-gpu.md"
    proposed.write_text("---\nstatus: proposed\nadds: {planes: [gpu]}\n---\n# GPU\n")
    assert audit(capsys, "--capture", capture)[0] == 2
    assert audit(capsys, "--capture", capture, "--against", proposed)[0] == 0


def test_a_suppression_holds_back_until_its_day(
    capture: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
):
    line = {"ts": 1, "topic": "fleet/alpha/command", "payload": '{"verb":"health-check"}',
            "retain": True}  # fmt: skip
    capture.write_text(json.dumps(line) + "\n")
    file = tmp_path / "suppress.toml"
    text = '[[suppress]]\nrule = "traffic"\nagent = "alpha"\nreason = "a drill"\nowner = "dana"\n'
    file.write_text(f"{text}until = 2099-01-31\n")
    code, out = audit(capsys, "--capture", capture, "--suppressions", file, "-o", "json")
    assert code == 0
    assert json.loads(out)["suppressed"][0]["suppression"]["owner"] == "dana"
    file.write_text(f"{text}until = 2020-01-31\n")
    code, out = audit(capsys, "--capture", capture, "--suppressions", file)
    assert code == 2
    assert "expired" in out


@pytest.mark.parametrize("missing", ["reason", "owner", "until"])
def test_a_suppression_without_reason_owner_or_day_is_refused(
    missing: str, capture: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
):
    fields = {"rule": '"pii"', "reason": '"r"', "owner": '"o"', "until": "2099-01-31"}
    del fields[missing]
    file = tmp_path / "suppress.toml"
    file.write_text("[[suppress]]\n" + "\n".join(f"{k} = {v}" for k, v in fields.items()))
    assert run(["audit", "run", "--capture", str(capture), "--suppressions", str(file)]) == 3
    assert missing in capsys.readouterr().err


def test_a_sarif_report_names_each_rule_once_and_the_line(
    capture: Path, capsys: pytest.CaptureFixture[str]
):
    _, text = audit(capsys, "--capture", capture, "-o", "sarif")
    sarif = json.loads(text)["runs"][0]
    names = [rule["id"] for rule in sarif["tool"]["driver"]["rules"]]
    assert len(names) == len(set(names))
    for result in sarif["results"]:
        assert names[result["ruleIndex"]] == result["ruleId"]
        assert result["locations"][0]["physicalLocation"]["region"]["startLine"] >= 1


def test_the_html_report_needs_no_network(capture: Path, capsys: pytest.CaptureFixture[str]):
    _, text = audit(capsys, "--capture", capture, "-o", "html")
    assert "<svg" in text
    for mark in ("http://", "https://", "<script", "<link", "@import", "src="):
        assert mark not in text


def test_every_rule_can_be_explained(capsys: pytest.CaptureFixture[str]):
    from fleet.auditor.rules.catalogue import RULES

    for rule in RULES:
        assert run(["audit", "explain", rule.id]) == 0
        out = capsys.readouterr().out
        assert rule.clause.value in out
        assert rule.remedy in out
        assert f'rule = "{rule.id}"' in out
        named = rule.group.value in ("pii", "secret", "text")
        assert ("allow = [" in out) == named
    assert run(["audit", "explain", "pii.shoe-size"]) == 3


def test_a_finding_is_explained_by_its_number_in_a_report_that_was_kept_or_given(
    capture: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
):
    _, text = audit(capsys, "--capture", capture)
    number = next(line.split()[0] for line in text.splitlines() if "pii.card" in line)
    assert run(["audit", "explain", number]) == 3
    assert "Try: fleet audit run --save" in capsys.readouterr().err
    _, told = audit(capsys, "--capture", capture, "-o", "json")
    file = tmp_path / "report.json"
    file.write_text(told)
    (tmp_path / "home").mkdir(exist_ok=True)
    audit(capsys, "--capture", capture, "--save")
    for where in (["--report", str(file)], []):
        assert run(["audit", "explain", number.lstrip("#"), *where]) == 0
        out = capsys.readouterr().out
        assert "line 3: fleet/*/status at versions.agent" in out
        assert 'field = "versions.agent"' in out
        assert "digest = " in out
    assert run(["audit", "explain", "99"]) == 3
    assert "Try:" in capsys.readouterr().err
    file.write_text("{}")
    assert run(["audit", "explain", "1", "--report", str(file)]) == 3
    assert "no report of the audit" in capsys.readouterr().err


def test_what_explain_proposes_holds_the_finding_back(
    capture: Path, home: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
):
    home.mkdir()  # and with it the key of the digests
    capture.write_text(capture.read_text().splitlines()[2] + "\n")
    _, told = audit(capsys, "--capture", capture, "-o", "json")
    report, suppressions = tmp_path / "report.json", tmp_path / "audit.toml"
    report.write_text(told)
    count = len(json.loads(told)["findings"])
    with suppressions.open("w") as file:
        for number in range(1, count + 1):
            run(["audit", "explain", str(number), "--report", str(report)])
            out = capsys.readouterr().out
            file.write(out[out.index("[[suppress]]") :])
    assert count == 2
    assert audit(capsys, "--capture", capture, "--suppressions", suppressions)[0] == 0


@pytest.mark.parametrize("form", ["text", "html", "sarif"])
def test_a_report_says_what_was_looked_at_how_sure_it_is_and_what_it_cannot_see(
    form: str, capture: Path, capsys: pytest.CaptureFixture[str]
):
    _, text = audit(capsys, "--capture", capture, "-o", form)
    assert "what an agent said by other ways than this bus" in text.replace("&#x27;", "'")
    assert "likely" in text
    if form != "text":
        assert "was read whole" in text
