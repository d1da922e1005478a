"""Waiting for a condition, never for a time."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from typing import TypeVar

T = TypeVar("T")


def until(look: Callable[[], T], enough: Callable[[T], bool] = bool, patience: float = 240.0) -> T:
    """Look until what is seen is enough, and answer it. Fails with the last thing seen after ``patience`` seconds.

    The patience is long because readers of the event log wait for every transaction of the server that is older, and
    another test beside this one may be a single one of a minute.
    """
    pause = threading.Event()
    deadline = time.monotonic() + patience
    while not enough(seen := look()):
        assert time.monotonic() < deadline, f"waited {patience} s, last seen: {seen!r}"
        pause.wait(0.02)
    return seen
