"""Prometheus, Alertmanager and Grafana beside the hub, as one compose project."""

from __future__ import annotations

from typing import Any, Final

from fleet.integrations import alertmanager, grafana, prometheus
from fleet.integrations.prometheus import dump

IMAGES: Final = {
    "prometheus": "prom/prometheus:v2.53.0",
    "alertmanager": "prom/alertmanager:v0.27.0",
    "grafana": "grafana/grafana:11.2.0",
}
"""Pinned: a newer one is a decision, not a surprise."""

_HEADER: Final = """\
# Prometheus, Alertmanager and Grafana beside a hub on this machine, all on loopback only.
#
#     sudo chown 65534 prometheus/fleet.token    # Prometheus runs as nobody
#     docker compose up -d                       # Grafana: http://127.0.0.1:3000, first login admin
#
# They share the host's network, since the hub listens on its loopback.
"""


def files(target: str, webhook: str | None) -> dict[str, str]:
    """Contents by file name, folders included."""
    return {
        "compose.yaml": _HEADER + dump(project()),
        **_below("prometheus", prometheus.files(target)),
        **_below("alertmanager", alertmanager.files(webhook)),
        **_below("grafana/dashboards", grafana.files()),
        **_below("grafana/provisioning", grafana.provisioning("/etc/grafana/fleet")),
    }


def project() -> dict[str, Any]:
    """The compose document."""
    return {
        "name": "fleet-observe",
        "services": {
            "prometheus": _service(
                "prometheus",
                "--config.file=/etc/fleet/prometheus.yml",
                "--storage.tsdb.path=/prometheus",
                "--web.listen-address=127.0.0.1:9090",
                volumes=["./prometheus:/etc/fleet:ro", "prometheus-data:/prometheus"],
            ),
            "alertmanager": _service(
                "alertmanager",
                "--config.file=/etc/fleet/alertmanager.yml",
                "--storage.path=/alertmanager",
                "--web.listen-address=127.0.0.1:9093",
                "--cluster.listen-address=",
                volumes=["./alertmanager:/etc/fleet:ro", "alertmanager-data:/alertmanager"],
            ),
            "grafana": {
                **_service(
                    "grafana",
                    volumes=[
                        "./grafana/dashboards:/etc/grafana/fleet:ro",
                        "./grafana/provisioning:/etc/grafana/provisioning:ro",
                        "grafana-data:/var/lib/grafana",
                    ],
                ),
                "environment": {"GF_SERVER_HTTP_ADDR": "127.0.0.1"},
            },
        },
        "volumes": {f"{name}-data": None for name in IMAGES},
    }


def _service(name: str, *command: str, volumes: list[str]) -> dict[str, Any]:
    return {
        "image": IMAGES[name],
        "restart": "unless-stopped",
        "network_mode": "host",
        "read_only": True,
        "cap_drop": ["ALL"],
        "security_opt": ["no-new-privileges:true"],
        "tmpfs": ["/tmp"],  # noqa: S108 - a path inside the container
        **({"command": list(command)} if command else {}),
        "volumes": volumes,
    }


def _below(folder: str, contents: dict[str, str]) -> dict[str, str]:
    return {f"{folder}/{name}": text for name, text in contents.items()}
