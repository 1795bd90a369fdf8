"""Pods of Kubernetes manifests, run by a Docker engine as a kubelet would: the same images,
commands, environment, users, limits and mounts.

What is not there: scheduling, network policies and probes that restart.
"""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, Final

import yaml

from tests.support.images import AGENT, ROOT, Images

NETWORK: Final = "cluster"
MANIFESTS: Final = ROOT / "deploy" / "kubernetes"

Document = dict[str, Any]


class Cluster:
    """Services, secrets and what volumes hold, from one pod to the next.

    Attributes:
        secrets: contents by file name, by name of the secret.
    """

    def __init__(self, engine: Images, folder: Path) -> None:
        self.engine = engine
        self.folder = folder
        self.secrets: dict[str, Mapping[str, bytes]] = {}
        self.documents = [
            document
            for path in sorted(MANIFESTS.glob("*.yaml"))
            for document in yaml.safe_load_all(path.read_text())
        ]
        engine.run("network", "create", NETWORK)

    def pod(self, name: str) -> Pod:
        [workload] = [
            document
            for document in self.documents
            if document["kind"] in ("Deployment", "StatefulSet")
            and document["metadata"]["name"] == name
        ]
        return Pod(self, workload)

    def services_of(self, labels: Mapping[str, str]) -> Iterator[str]:
        """The names by which other pods find a pod with these labels."""
        for document in self.documents:
            meta = document["metadata"]
            if (
                document["kind"] == "Service"
                and document["spec"]["selector"].items() <= labels.items()
            ):
                name = f"{meta['name']}.{meta['namespace']}"
                yield from (meta["name"], name, f"{name}.svc")


class Pod:
    """One pod; `stop` and `start` again keep what a claim keeps."""

    def __init__(self, cluster: Cluster, workload: Document) -> None:
        self._cluster = cluster
        self._engine = cluster.engine
        self.name = workload["metadata"]["name"]
        self._labels = workload["spec"]["template"]["metadata"]["labels"]
        self._spec = workload["spec"]["template"]["spec"]
        self._context = self._spec["securityContext"]
        claims = workload["spec"].get("volumeClaimTemplates", ())
        self._volumes = {volume["name"]: volume for volume in self._spec["volumes"]} | {
            claim["metadata"]["name"]: {"persistentVolumeClaim": {}} for claim in claims
        }

    @property
    def _sandbox(self) -> str:
        return f"pod-{self.name}"

    @property
    def address(self) -> str:
        answer = '{{(index .NetworkSettings.Networks "' + NETWORK + '").IPAddress}}'  # fmt: skip
        return self._engine.run("inspect", "-f", answer, self._sandbox)

    def container(self, name: str) -> str:
        return f"{self._sandbox}-{name}"

    def exec(self, container: str, *words: str) -> Any:
        return self._engine.ask("exec", self.container(container), *words)

    def start(self) -> Pod:
        names = self._cluster.services_of(self._labels)
        aliases = [word for name in names for word in ("--network-alias", name)]
        sandbox = ("run", "-d", "--name", self._sandbox, "--network", NETWORK, *aliases)
        self._engine.run(*sandbox, "--entrypoint", "sleep", AGENT, "infinity")
        for name, volume in self._volumes.items():
            self._prepare(name, volume)
        for container in self._spec["initContainers"]:
            done = self._engine.ask("run", *self._options(container))
            assert done.returncode == 0, done.stdout + done.stderr
        for container in self._spec["containers"]:
            self._engine.run("run", "-d", *self._options(container))
        return self

    def stop(self) -> None:
        """End it, and take away all but the claims."""
        names = [c["name"] for c in [*self._spec["containers"], *self._spec["initContainers"]]]
        ours = [self.container(name) for name in names]
        self._engine.run("stop", "-t", "10", *ours)
        self._engine.run("rm", "-f", *ours, self._sandbox)
        for name, volume in self._volumes.items():
            if "persistentVolumeClaim" not in volume:
                shutil.rmtree(self._folder(name))

    def ready(self, container: str) -> bool:
        """What the container's readiness probe says, asked as a kubelet asks."""
        [wanted] = [c for c in self._spec["containers"] if c["name"] == container]
        probe = wanted["readinessProbe"]["httpGet"]
        [port] = [p["containerPort"] for p in wanted["ports"] if p["name"] == probe["port"]]
        headers = {header["name"]: header["value"] for header in probe.get("httpHeaders", ())}
        return bool(self._engine.get(f"http://{self.address}:{port}{probe['path']}", **headers))

    def _options(self, container: Document) -> list[str]:
        """Arguments of `docker run` for one container."""
        context = self._context | container["securityContext"]
        options = ["--name", self.container(container["name"])]
        options += ["--network", f"container:{self._sandbox}"]
        if self._spec.get("shareProcessNamespace"):
            options += ["--pid", f"container:{self._sandbox}"]
        options += ["--user", f"{context['runAsUser']}:{context['runAsGroup']}"]
        options += ["--group-add", str(context["fsGroup"])]
        options += ["--read-only"] if context["readOnlyRootFilesystem"] else []
        options += [f"--cap-drop={name}" for name in context["capabilities"]["drop"]]
        if context["allowPrivilegeEscalation"] is False:
            options += ["--security-opt", "no-new-privileges"]
        memory = container.get("resources", {}).get("limits", {}).get("memory")
        if memory is not None:
            options += ["--memory", memory.removesuffix("i").lower()]
        for variable in container.get("env", ()):
            options += ["--env", f"{variable['name']}={variable['value']}"]
        for mount in container["volumeMounts"]:
            options += ["--volume", self._mount(mount)]
        command = list(container.get("command", ()))
        if command:
            options += ["--entrypoint", command.pop(0)]
        return [*options, container["image"], *command, *container.get("args", ())]

    def _mount(self, mount: Document) -> str:
        source = self._folder(mount["name"])
        if "subPath" in mount:
            below = source / mount["subPath"]
            if not below.exists():
                below.mkdir(parents=True)
                os.chown(below, 0, self._context["fsGroup"])
                below.chmod(source.stat().st_mode)
            source = below
        return f"{source}:{mount['mountPath']}:{'ro' if mount.get('readOnly') else 'rw'}"

    def _folder(self, volume: str) -> Path:
        return self._cluster.folder / self.name / volume

    def _prepare(self, name: str, volume: Document) -> None:
        """A volume as the kubelet hands it over, opened to fsGroup with all that is in it."""
        folder = self._folder(name)
        folder.mkdir(parents=True, exist_ok=True)
        group = self._context["fsGroup"]
        if "secret" in volume:
            _project(folder, self._cluster.secrets[volume["secret"]["secretName"]])
            mode = volume["secret"]["defaultMode"]
            for path in folder.glob("..data/*"):
                os.chown(path, 0, group)
                path.chmod(mode)
        else:
            for path in (folder, *folder.rglob("*")):
                os.chown(path, -1, group)
                path.chmod(path.stat().st_mode | (0o2770 if path.is_dir() else 0o660))
            if "emptyDir" in volume:
                folder.chmod(0o2777)


def _project(folder: Path, contents: Mapping[str, bytes]) -> None:
    """Files of a secret: links to links, as the kubelet changes them all at once."""
    (folder / "..now").mkdir()
    (folder / "..data").symlink_to("..now")
    for name, content in contents.items():
        (folder / "..now" / name).write_bytes(content)
        (folder / name).symlink_to(f"..data/{name}")
