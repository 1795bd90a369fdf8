"""COORDINATE IN: splits a text into two halves, has others count the words of each, has a third
look at what they found, and writes the report. A plain program: it hands work on by the tools of
`agent-sidecar mcp`, as a model would."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections import Counter
from pathlib import Path
from typing import Any

SIDECAR = os.environ.get("AGENT_SIDECAR", "agent-sidecar").split()


class Tools:
    """The tools of `agent-sidecar mcp`: a line of JSON there, a line of JSON back."""

    def __init__(self) -> None:
        server = subprocess.Popen(
            [*SIDECAR, "mcp"], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
        )
        self._asks = server.stdin or sys.exit("no pipe to it")
        self._answers = server.stdout or sys.exit("no pipe from it")

    def call(self, tool: str, **arguments: Any) -> str:
        params = {"name": tool, "arguments": arguments}
        asked = {"jsonrpc": "2.0", "id": 1, "method": "tools/call", "params": params}
        self._asks.write(json.dumps(asked) + "\n")
        self._asks.flush()
        answer = json.loads(self._answers.readline())
        text = str(answer["result"]["content"][0]["text"])
        if answer["result"]["isError"]:
            sys.exit(text)
        return text

    def wait(self) -> None:
        """Until all that was handed on has ended; goes on touching the progress file."""
        while True:
            told = self.call("task_status", wait=10)
            os.utime(os.environ["TASK_PROGRESS"])
            if "SUBMITTED" not in told and "WORKING" not in told:
                return


def main() -> None:
    Path(os.environ["TASK_PROGRESS"]).write_text("10\n")
    tools = Tools()
    lines = Path(sys.argv[1]).read_text().splitlines(keepends=True)
    half = len(lines) // 2
    for text in ("".join(lines[:half]), "".join(lines[half:])):
        tools.call("delegate", kind="count", text=text)
    tools.wait()
    tools.call("delegate", kind="review", text="Are the findings complete?")
    tools.wait()
    counts: Counter[str] = Counter()
    for line in tools.call("board_list").splitlines():
        if line.startswith("- findings/"):
            place = line[2:].split(":")[0]
            for found in tools.call("board_read", entry=place).splitlines():
                number, _, word = found.strip().partition(" ")
                if number.isdigit():
                    counts[word] += int(number)
    [(word, times)] = counts.most_common(1)
    report = f"{sum(counts.values())} words; most often: {word}, {times} times\n"
    tools.call("board_write", entry="final/report.md", text=report)
    Path(os.environ["TASK_OUT"], "report.md").write_text(report)


if __name__ == "__main__":
    main()
