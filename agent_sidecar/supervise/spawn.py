"""Start a child that cannot outlive its parent unseen.

The kernel's parent-death signal (Linux) ends it with us, however we end; and it becomes the
program only after we have had the time to put it on record, so that there is no moment in which
it runs and nobody knows. Elsewhere the record is all there is.
"""

from __future__ import annotations

import os
import signal
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from typing import NoReturn

from agent_sidecar.parent_death import parent_death_signal


def spawn(argv: tuple[str, ...], environ: Mapping[str, str], note: Callable[[int], None]) -> int:
    """The pid of a child in a process group of its own; `note` is called with it before the
    program runs.

    Raises:
        OSError: the program cannot be started; `note` may have been called.
    """
    end_with = parent_death_signal()
    go_read, go_write = os.pipe()
    error_read, error_write = os.pipe()
    try:
        with all_signals_blocked():
            pid = os.fork()
            if pid == 0:
                _become(argv, environ, end_with, (go_read, go_write, error_read), error_write)
        os.close(error_write)
        error_write = -1
        os.setpgid(pid, pid)
        note(pid)
        os.write(go_write, b"!")
        said = os.read(error_read, 16)
    finally:
        for end in (go_read, go_write, error_read, error_write):
            if end >= 0:
                os.close(end)
    if said:
        os.waitpid(pid, 0)
        raise OSError(int(said), os.strerror(int(said)))
    return pid


def _become(
    argv: tuple[str, ...],
    environ: Mapping[str, str],
    end_with: Callable[[], None],
    parents: tuple[int, int, int],
    error_write: int,
) -> NoReturn:
    """In the child; does not return."""
    try:
        go_read, *others = parents
        for end in others:
            os.close(end)
        forget_handlers()
        for number in (signal.SIGPIPE, signal.SIGXFSZ):  # Python ignores them, programs do not
            signal.signal(number, signal.SIG_DFL)
        os.setpgid(0, 0)
        end_with()
        signal.pthread_sigmask(signal.SIG_SETMASK, ())
        if os.read(go_read, 1):  # else our parent is dead
            os.execvpe(argv[0], argv, environ)  # noqa: S606
    except OSError as error:
        os.write(error_write, str(error.errno).encode())
    finally:
        os._exit(127)


def forget_handlers() -> None:
    """In a child: what the parent does about signals is not ours, what it ignores stays ignored."""
    signal.set_wakeup_fd(-1)
    for number in signal.valid_signals():
        if callable(signal.getsignal(number)):
            signal.signal(number, signal.SIG_DFL)


@contextmanager
def all_signals_blocked() -> Iterator[None]:
    """Around a fork: one that comes before the child has forgotten our handlers would be told to
    our own wake-up descriptor."""
    before = signal.pthread_sigmask(signal.SIG_SETMASK, signal.valid_signals())
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)
