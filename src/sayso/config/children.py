"""The processes that ``sayso up`` starts: spawned early, told when to begin, watched, ended."""

from __future__ import annotations

import contextlib
import os
import queue
import subprocess
import sys
import threading
import time
from collections.abc import Sequence

from .life import LIFELINE


class Child:
    """One process on a lifeline. It imports what it needs at once and begins when :meth:`go` is called."""

    def __init__(
        self, name: str, arguments: Sequence[str], ended: queue.SimpleQueue, *, inherit: Sequence[int] = ()
    ) -> None:
        """``arguments`` follow the interpreter; ``ended`` gets the child once it has exited; ``inherit`` are file
        descriptors it may use."""
        self.name = name
        self.started_at = time.monotonic()
        reading, self._lifeline = os.pipe()
        self._process = subprocess.Popen(
            [sys.executable, *arguments],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,  # what children have to say they say on standard error
            env=os.environ | {LIFELINE: str(reading)},
            pass_fds=[reading, *inherit],
            start_new_session=True,  # Ctrl-C is for the supervisor, which ends its children in order
        )
        os.close(reading)
        threading.Thread(target=self._watch, args=(ended,), daemon=True).start()

    def _watch(self, ended: queue.SimpleQueue) -> None:
        self._process.wait()
        ended.put(self)

    @property
    def pid(self) -> int:
        return self._process.pid

    @property
    def status(self) -> int | None:
        """Its exit status, negative for a signal; None while it runs."""
        return self._process.poll()

    def go(self) -> None:
        """The database is ready."""
        with contextlib.suppress(BrokenPipeError):  # it has died already, which is told elsewhere
            os.write(self._lifeline, b".")

    def stop(self, patience: float) -> None:
        """Ask it to end, and insist after ``patience`` seconds. Idempotent."""
        # The end of its lifeline also ends a child that still waits to begin, which no signal would.
        with contextlib.suppress(OSError):
            os.close(self._lifeline)
            self._lifeline = -1
        if self.status is None:
            self._process.terminate()
            try:
                self._process.wait(patience)
            except subprocess.TimeoutExpired:
                self._process.kill()
                self._process.wait()


def stop_all(children: Sequence[Child], patience: float) -> None:
    """End all at the same time."""
    threads = [threading.Thread(target=child.stop, args=(patience,)) for child in children]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
