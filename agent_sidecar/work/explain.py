"""What `agent-sidecar check` says of work: each kind, and which rungs of isolation work here."""

from __future__ import annotations

from collections.abc import Iterator

from agent_sidecar.config import Config
from agent_sidecar.work.beside import rungs_of, work_file
from agent_sidecar.work.isolation.base import program
from agent_sidecar.work.launch import Limits
from agent_sidecar.work.update.explain import explained
from agent_sidecar.work.work_file import Isolation, KindOfWork


def explain(config: Config) -> Iterator[str]:
    """Lines for a person. Preflights run; no worker does.

    Raises:
        ConfigError: the work file, or what it needs beside it, is not usable.
    """
    work = work_file(config)
    if work is None:
        return
    rungs = rungs_of(config)
    for kind in work.kinds.values():
        why = rungs[kind.isolation].unavailable(kind)
        verdict = f"NOT here, tasks are rejected: {why}" if why else "works here"
        yield f"work    {kind.name}: {kind.isolation} {verdict}"
        yield f"        runs    {' '.join(kind.argv)}"
        yield f"        within  {_limits(kind)}"
        if kind.read_only:
            yield f"        reads   {' '.join(kind.read_only)}"
        if kind.isolation is Isolation.PROCESS:
            yield from _of_a_process(kind)
    if work.update is not None:
        yield from explained(work.update)
    used = {kind.isolation for kind in work.kinds.values()}
    for isolation in set(Isolation) - used:
        sample = KindOfWork("sample", ("true",), isolation, Limits(), image="none")
        if isolation is not Isolation.CONTAINER:  # without an image there is nothing to prove
            why = rungs[isolation].unavailable(sample)
            yield f"rung    {isolation}: {f'not here: {why}' if why else 'would work here'}"


def _limits(kind: KindOfWork) -> str:
    limits = kind.limits
    return (
        f"{limits.timeout:g} s, silent for {limits.stall:g} s, {_size(limits.memory)} of memory,"
        f" {limits.pids} processes, {_size(limits.output)} of output, {kind.parallel} at a time"
    )


def _of_a_process(kind: KindOfWork) -> Iterator[str]:
    try:
        program(kind.argv[0])
    except OSError as error:
        yield f"        missing {error.strerror}"
    if not kind.user:
        yield "        warns   it runs as we do: it could read our password files and end us"
    yield "        warns   it reaches the network, and all files that its user may read"
    yield "        warns   no control group: memory and processes are looked at each 0.1 s"


def _size(size: int) -> str:
    for unit, name in ((1024**3, "GiB"), (1024**2, "MiB"), (1024, "KiB")):
        if size >= unit:
            return f"{size / unit:g} {name}"
    return f"{size} B"
