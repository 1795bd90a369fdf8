"""One or two calls a command, as people type them: the end of each `--help`."""

from __future__ import annotations

from typing import Final

import click

EXAMPLES: Final = {
    "acl test": (
        "fleet acl test",
        "fleet acl test --agent alpha --agent-password-file alpha.secret",
    ),
    "acl update": ("fleet acl update --dry-run", "fleet acl update"),
    "adr check": ("fleet adr check", "fleet adr check --write adr"),
    "adr list": ("fleet adr list", "fleet adr list --folder adr -o json"),
    "adr new": ('fleet adr new "Add the plane gpu"',),
    "agent add": (
        "fleet agent add alpha",
        "fleet agent add beta --kind nanobot --group homes",
        "fleet agent add gamma --group homes --can research,review --may-delegate",
        "fleet agent add delta --show systemd",
    ),
    "agent allow": ("fleet agent allow beta --can research", "fleet agent allow beta -o json"),
    "agent forget": ("fleet agent forget alpha", "fleet agent forget alpha beta --history --yes"),
    "agent import": (
        "openclaw fleet list --json | fleet agent import -",
        "fleet agent import compose.yaml --dry-run",
    ),
    "agent keys rotate": ("fleet agent keys rotate --overlap-days 7",),
    "agent keys show": ("fleet agent keys show -o public > commands.pub",),
    "agent list": ("fleet agent list", "fleet agent list --all -o json"),
    "agent new": ("fleet agent new workspace --name gamma --kind nanobot",),
    "agent rename": ("fleet agent rename alpha beta --wait 600",),
    "agent revoke": ("fleet agent revoke alpha", "fleet agent revoke alpha --history -o json"),
    "agent rotate": ("fleet agent rotate alpha", "fleet agent rotate alpha --finish"),
    "alerts": ("fleet alerts",),
    "alerts ack": ("fleet alerts ack alpha disk-pressure", "fleet alerts ack hub broker-down"),
    "pair": ("fleet pair",),
    "pair create": ("fleet pair create support --active ada --standby bob --auto",),
    "pair list": ("fleet pair list", "fleet pair list -o json"),
    "site": ("fleet site",),
    "site remove": ("fleet site remove lima",),
    "site list": ("fleet site list", "fleet site list -o json"),
    "pair show": ("fleet pair show support",),
    "pair failover": ("fleet pair failover support", "fleet pair failover support --stopped"),
    "pair remove": ("fleet pair remove support",),
    "maintenance": ("fleet maintenance",),
    "maintenance begin": (
        "fleet maintenance begin --group web --for 2h",
        "fleet maintenance begin --site berlin --at 2026-12-01T22:00+01:00 --for 4h",
    ),
    "maintenance end": ("fleet maintenance end maintenance-01KB5QZ2M4W3J8X7V6T5S4R3Q2",),
    "maintenance list": ("fleet maintenance list", "fleet maintenance list -o json"),
    "alerts lift": ("fleet alerts lift maintenance-all",),
    "alerts list": (
        "fleet alerts list",
        "fleet alerts list -o wide",
        "fleet alerts list --history -o jsonl",
    ),
    "alerts retry": ("fleet alerts retry", "fleet alerts retry oncall"),
    "alerts silence": (
        "fleet alerts silence --agent alpha --for 2h",
        "fleet alerts silence --code clock-skew --for 1d",
    ),
    "alerts test": ("fleet alerts test", "fleet alerts test oncall"),
    "audit explain": (
        "fleet audit explain",
        "fleet audit explain pii.email note",
        "fleet audit explain 1 --report report.json",
    ),
    "audit report": ("fleet audit report", "fleet audit report --verify"),
    "audit run": ("fleet audit run --live 60", "fleet audit run --capture week.jsonl -o sarif"),
    "backup": (
        "fleet backup fleet.db",
        "fleet backup --keep 7 /var/backups/fleet",
        "fleet backup --home fleet.home --encrypt",
    ),
    "board export": ("fleet board export 01KB5QZ2M4W3J8X7V6T5S4R3Q2 -d board",),
    "board get": (
        "fleet board get 01KB5QZ2M4W3J8X7V6T5S4R3Q2 final/report.md",
        "fleet board get 01KB5QZ2M4W3J8X7V6T5S4R3Q2 final/report.md --version 1 -f first.md",
    ),
    "board ls": ("fleet board ls 01KB5QZ2M4W3J8X7V6T5S4R3Q2",),
    "board put": ("fleet board put 01KB5QZ2M4W3J8X7V6T5S4R3Q2 context/brief.md brief.md --over 0",),
    "broadcast": ("fleet broadcast maintenance-begin", "fleet broadcast maintenance-end"),
    "broker accounts": ("fleet broker accounts", "fleet broker accounts --repair"),
    "broker certificates": ("fleet broker certificates", "fleet broker certificates --renew"),
    "broker config": (
        "fleet broker config",
        "fleet broker config --write",
        "fleet broker config --standby standby --name b.example.org",
    ),
    "broker secure": ("fleet broker secure --admin root --admin-password-file root.secret",),
    "broker up": ("fleet broker up",),
    "check": ("fleet check", "fleet check alpha beta"),
    "collect": ("fleet collect", "fleet collect --wait 30 -o jsonl"),
    "command": (
        "fleet command health-check alpha",
        "fleet command config-reload --group homes --batch 1 --pause 30",
    ),
    "completion": ("fleet completion bash", "fleet completion zsh"),
    "config check": ("fleet config check", "fleet config check -o json"),
    "config show": ("fleet config show", "fleet config show -o json"),
    "dead-letters list": ("fleet dead-letters list", "fleet dead-letters list -n 500 -o jsonl"),
    "dead-letters replay": ("fleet dead-letters replay 4711",),
    "dead-letters show": ("fleet dead-letters show 4711",),
    "demo": ("fleet demo", "fleet demo --once"),
    "demo swarm": ("fleet demo swarm", "fleet demo swarm --once"),
    "doctor": ("fleet doctor", "fleet doctor -o json"),
    "export": (
        "fleet export prometheus -d monitoring",
        "fleet export grafana -d monitoring",
    ),
    "forecast": (
        "fleet forecast",
        "fleet forecast alpha -o json",
        "fleet forecast --group assistants",
    ),
    "history": (
        "fleet history --since 6h --agent alpha",
        "fleet history --since 2d --kind alert -n 10000 -o jsonl",
        "fleet history --since 90d --hourly --agent alpha",
    ),
    "home check": ("fleet home check", "fleet home check -o json"),
    "init": (
        "fleet init",
        "fleet init --name hub.example.org --bind 0.0.0.0",
        "fleet init --broker mqtts://broker:8883 --admin root --admin-password-file root.secret",
        "fleet init --broker mqtt://zephyr@nats:1883 --kind nats --password-file hub.password",
    ),
    "mcp": ("fleet mcp", "fleet mcp --allow-commands --allow-content"),
    "mcp snippet": ("fleet mcp snippet --for openclaw",),
    "monitor": ("fleet monitor --agent alpha", "fleet monitor --snapshot -o jsonl"),
    "restore": (
        "fleet restore fleet.db",
        "fleet restore --home fleet.home --to /var/lib/fleet --broker-name broker.example.org",
    ),
    "schedule install": ("fleet schedule install check backup --systemd",),
    "schedule print": ("fleet schedule print check --cron",),
    "serve": ("fleet serve", "fleet serve --http 127.0.0.1:9000 -v"),
    "status": (
        "fleet status",
        "fleet status alpha",
        "fleet status --group web --state late --state stale",
    ),
    "store migrate": (
        "fleet store migrate postgresql://fleet@db.example.org/fleet --dry-run",
        "fleet store migrate home",
    ),
    "rollout abort": ("fleet rollout abort 01KB5QZ2M4W3J8X7V6T5S4R3Q2 --on-abort rollback",),
    "rollout create": (
        "fleet rollout create --to 2026.10.1 --kind openclaw --dry-run",
        "fleet rollout create --to 0.3.5 --group homes --waves 1,25%,100% --soak 30m",
    ),
    "rollout list": ("fleet rollout list", "fleet rollout list -o json"),
    "rollout pause": ("fleet rollout pause 01KB5QZ2M4W3J8X7V6T5S4R3Q2",),
    "rollout resume": ("fleet rollout resume 01KB5QZ2M4W3J8X7V6T5S4R3Q2",),
    "rollout rollback": ("fleet rollout rollback 01KB5QZ2M4W3J8X7V6T5S4R3Q2",),
    "rollout start": ("fleet rollout start 01KB5QZ2M4W3J8X7V6T5S4R3Q2",),
    "rollout status": ("fleet rollout status -w 01KB5QZ2M4W3J8X7V6T5S4R3Q2",),
    "task approve": (
        "fleet task approve 01KB5QZ2M4W3J8X7V6T5S4R3Q2",
        "fleet task approve 01KB5QZ2M4W3J8X7V6T5S4R3Q2 --refuse",
    ),
    "task cancel": ("fleet task cancel 01KB5QZ2M4W3J8X7V6T5S4R3Q2",),
    "task input": ("fleet task input 01KB5QZ2M4W3J8X7V6T5S4R3Q2 --in answer.md",),
    "task list": ("fleet task list --open", "fleet task list --group homes --state failed -o json"),
    "task result": ("fleet task result 01KB5QZ2M4W3J8X7V6T5S4R3Q2 -d result",),
    "task retry": ("fleet task retry 01KB5QZ2M4W3J8X7V6T5S4R3Q2",),
    "task show": ("fleet task show 01KB5QZ2M4W3J8X7V6T5S4R3Q2",),
    "task submit": (
        "fleet task submit research --group homes --in brief.md --wait",
        "fleet task submit review --to beta --context 01KB5QZ2M4W3J8X7V6T5S4R3Q2",
    ),
    "task watch": ("fleet task watch 01KB5QZ2M4W3J8X7V6T5S4R3Q2",),
    "tck rules": ("fleet tck rules", "fleet tck rules -o json"),
    "tck run": (
        "fleet tck run --agent alpha --profile commands",
        "fleet tck run --agent alpha --restart 'systemctl restart fleet-sidecar@alpha' -o junit",
    ),
    "token create": ("fleet token create --role viewer", "fleet token create --role agent:alpha"),
    "token list": ("fleet token list",),
    "token revoke": ("fleet token revoke 3f9c21ab",),
    "token sessions": ("fleet token sessions",),
    "token sign-out": ("fleet token sign-out s-81d20c4e", "fleet token sign-out --all"),
    "validate": (
        """fleet validate fleet/alpha/heartbeat '{"ok":true,"ts":"2026-03-18T21:30:00Z"}'""",
        "fleet validate --jsonl week.jsonl",
    ),
    "version": ("fleet version", "fleet version -o json"),
    "verify": ("fleet verify alpha", "fleet verify alpha --container nanobot-alpha"),
}
"""The command's words after `fleet` → its examples, the plainest first."""


def illustrate(command: click.Command, *words: str) -> None:
    """Put the examples under the help of `command` and of all commands below it."""
    examples = EXAMPLES.get(" ".join(words))
    if examples:
        command.epilog = "\b\nExamples:\n" + "\n".join(f"  {line}" for line in examples)
    if isinstance(command, click.Group):
        for name, below in command.commands.items():
            illustrate(below, *words, name)
