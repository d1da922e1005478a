"""The worker process: ``python -m sayso.config.worker``. A thread for each loop; any number of workers may run."""

from __future__ import annotations

import importlib
import importlib.util
import logging
import os
import random
import signal
import threading
import time
from collections.abc import Callable, Sequence

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "sayso.config.settings")

log = logging.getLogger("sayso.worker")

LOOPS = (
    "sayso.intake.drain.run",
    "sayso.intake.drain.run",  # a slow handler of one shop does not hold up the others
    "sayso.events.consumers.run",
    "sayso.messaging.dispatch.run",
    "sayso.shopify.reading.refetch.run",
    "sayso.shopify.writeback.send.run",
    "sayso.campaigns.build.run",
    "sayso.privacy.work.run",
    "sayso.config.jobs.run",
)
"""Each is a ``run(stop: threading.Event)`` that works until ``stop`` is set, and may raise."""

FIRST_DELAY, LONGEST_DELAY = 0.5, 30.0  # seconds before a loop that failed is started again
HEALTHY = 60.0  # seconds after which its failures are forgotten
PATIENCE = 30.0  # seconds that loops get to finish their batch

Loop = Callable[[threading.Event], None]


def find(path: str) -> Loop | None:
    """The function behind a dotted path; None if its module is not part of this installation."""
    module, _, name = path.rpartition(".")
    if importlib.util.find_spec(module) is None:
        log.info("%s is not part of this installation", module)
        return None
    function: Loop = getattr(importlib.import_module(module), name)
    return function


def keep_running(path: str, loop: Loop, stop: threading.Event) -> None:
    """Run a loop until ``stop``; when it raises or returns, say so and start it again after a growing delay."""
    from django.db import connections

    delay = FIRST_DELAY
    while not stop.is_set():
        began = time.monotonic()
        try:
            loop(stop)
            if not stop.is_set():
                log.error("%s ended by itself", path)
        except Exception:
            log.exception("%s failed, and is started again in about %.1f s", path, delay)
        finally:
            connections.close_all()
        if time.monotonic() - began > HEALTHY:
            delay = FIRST_DELAY
        stop.wait(delay * random.uniform(0.8, 1.2))  # noqa: S311
        delay = min(delay * 2, LONGEST_DELAY)


def run(paths: Sequence[str] = LOOPS, stop: threading.Event | None = None) -> bool:
    """Run the loops until ``stop`` is set; whether all ended in time."""
    stop = stop or threading.Event()
    threads = [
        threading.Thread(target=keep_running, args=(path, loop, stop), name=path, daemon=True)
        for path in paths
        if (loop := find(path))
    ]
    for thread in threads:
        thread.start()
    stop.wait()
    deadline = time.monotonic() + PATIENCE
    for thread in threads:
        thread.join(max(0, deadline - time.monotonic()))
    late = [thread.name for thread in threads if thread.is_alive()]
    for name in late:
        log.error("%s did not stop; what it had claimed is given back by the database", name)
    return not late


def main() -> int:
    import django

    django.setup()

    from .life import await_go
    from .process import TooStrong, require_weak_default_role, tune_garbage_collector

    for path in LOOPS:
        find(path)
    stop = threading.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: stop.set())
    await_go()
    try:
        require_weak_default_role()
    except TooStrong as error:
        log.error("%s", error)
        return 1
    tune_garbage_collector()
    return 0 if run(stop=stop) else 1


if __name__ == "__main__":
    # os._exit: a thread that did not stop would keep the interpreter waiting.
    status = main()
    logging.shutdown()
    os._exit(status)
