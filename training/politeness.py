"""Using whatever processor time is left over, and no more."""

import os
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import torch

PROBE_EVERY = 12
NICENESS = 19


def lowest_priority() -> None:
    """Give way to every other process.

    Where Linux groups processes by session, niceness counts inside of the group only, and the
    group has a niceness of its own.
    """
    os.setpriority(os.PRIO_PROCESS, 0, NICENESS)
    with suppress(OSError):
        Path("/proc/self/autogroup").write_text(str(NICENESS), encoding="ascii")


def wait_while_exists(path: Path, stopped: Callable[[], bool] = lambda: False) -> None:
    """Sleep until the file is gone, or until `stopped`."""
    while path.exists() and not stopped():
        time.sleep(1)


class ThreadChooser:
    """All threads while the machine is idle, one while somebody else uses a core.

    Threads meet at barriers: when one of two waits for a busy core, both wait, and the
    step takes several times as long as on one thread. So both ways are timed, the faster
    one is used, and the other is tried again now and then.
    """

    def __init__(self, num_threads: int) -> None:
        # Compiled code must ask for the number of threads each time, not once.
        torch._inductor.config.cpp.dynamic_threads = True
        self._seconds = dict.fromkeys({1, num_threads}, 0.0)
        self._steps = 0

    def choose(self) -> int:
        """The number of threads for the next step."""
        self._steps += 1
        fastest = min(self._seconds, key=self._seconds.__getitem__)
        if self._steps % PROBE_EVERY == 0:
            return next((n for n in self._seconds if n != fastest), fastest)
        return fastest

    @contextmanager
    def step(self) -> Iterator[None]:
        """Run one step on the chosen number of threads and remember how long it took."""
        chosen = self.choose()
        torch.set_num_threads(chosen)
        started = time.monotonic()
        yield
        self._seconds[chosen] = time.monotonic() - started
