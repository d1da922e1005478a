"""How the processes of one installation live and end together."""

from __future__ import annotations

import os
import runpy
import signal
import sys
import threading

LIFELINE = "SAYSO_LIFELINE"
"""Environment variable with the number of a pipe that a child of ``sayso up`` reads: a byte says that the database is
ready, its end that the supervisor is gone."""


def await_go() -> None:
    """Wait for the supervisor to say that the database is ready, and from then on end with it.

    A child imports everything first, meanwhile. Without a supervisor returns at once. Raises SystemExit when the
    supervisor went away instead.
    """
    number = os.environ.pop(LIFELINE, "")
    if not number:
        return
    pipe = int(number)
    if not os.read(pipe, 1):
        raise SystemExit(1)

    def watch() -> None:
        while os.read(pipe, 1):
            pass
        os.kill(os.getpid(), signal.SIGTERM)

    threading.Thread(target=watch, name="lifeline", daemon=True).start()


def main() -> None:
    """``python -m sayso.config.life MODULE …``: run a module that knows nothing of this, and end it with us."""
    await_go()
    del sys.argv[0]
    runpy.run_module(sys.argv[0], run_name="__main__", alter_sys=True)


if __name__ == "__main__":
    main()
