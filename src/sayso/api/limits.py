"""How often a token may call: 200 requests a second, in this process."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable

PER_SECOND = 200.0
"""Also the burst: a caller that was quiet for a second may send a second's worth at once."""


class Buckets:
    """One token bucket an API token. A web process has its own: the limit protects the machine it runs on."""

    def __init__(self, per_second: float = PER_SECOND, clock: Callable[[], float] = time.monotonic) -> None:
        self._per_second, self._clock = per_second, clock
        self._levels: dict[int, tuple[float, float]] = {}  # token id → (level, when)
        self._lock = threading.Lock()

    def take(self, token_id: int) -> float:
        """Take one; 0.0 where there was one, else the seconds until there is."""
        now = self._clock()
        with self._lock:
            level, when = self._levels.get(token_id, (self._per_second, now))
            level = min(self._per_second, level + (now - when) * self._per_second)
            allowed = level >= 1
            self._levels[token_id] = (level - 1 if allowed else level, now)
        return 0.0 if allowed else (1 - level) / self._per_second
