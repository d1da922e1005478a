"""The store's bucket of query points, as its answers describe it.

Source: Shopify, *API rate limits*: a bucket of ``maximumAvailable`` points refills by ``restoreRate`` a second; a query
takes what it is estimated to cost and gets back what it did not use.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from sayso.channels.json import mapping


@dataclass(slots=True)
class Bucket:
    """What we know of the bucket. Other processes drink from it too, so every answer replaces what we thought."""

    clock: Callable[[], float]  # seconds, monotonic
    available: float | None = None
    maximum: float = 0.0
    restore_rate: float = 0.0
    seen_at: float = 0.0

    def learn(self, cost: Any) -> float | None:
        """Take in ``extensions.cost`` of an answer; gives what the query was estimated to cost, if it says so."""
        status = mapping(mapping(cost).get("throttleStatus"))
        available, maximum, rate = (
            _number(status.get(key)) for key in ("currentlyAvailable", "maximumAvailable", "restoreRate")
        )
        if available is not None and maximum is not None and rate:
            self.available, self.maximum, self.restore_rate = available, maximum, rate
            self.seen_at = self.clock()
        return _number(mapping(cost).get("requestedQueryCost"))

    def wait_for(self, points: float) -> float:
        """Seconds until the bucket holds that many points; 0 while we know nothing of it."""
        if self.available is None:
            return 0.0
        now = min(self.maximum, self.available + (self.clock() - self.seen_at) * self.restore_rate)
        return max(0.0, (min(points, self.maximum) - now) / self.restore_rate)


def _number(value: Any) -> float | None:
    return float(value) if isinstance(value, int | float) and not isinstance(value, bool) else None
