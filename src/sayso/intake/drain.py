"""The drain: hands waiting deliveries to their handlers, a batch of one shop in one transaction.

At whatever instant a worker dies, its transaction is rolled back: what it had claimed is waiting again, and nothing of
it was applied.
"""

from __future__ import annotations

import logging
import random
import threading
from collections.abc import Sequence

from django.db import IntegrityError, OperationalError, connection, transaction
from psycopg import errors

from sayso.events.listen import Bell
from sayso.shops.tenancy import enter_shop

from .claim import claim, mark_done, mark_failed, mark_ignored, waiting_shops
from .models import Delivery
from .registry import Handle, WaitsForAnother, grouped
from .split import split_batch

log = logging.getLogger(__name__)

BATCH = 100
LANES = (0, 1)
POLL = 1.0  # seconds; retries become due without a ring
CONFLICTS = 5  # that many times in a row a batch is tried whole again, then its deliveries one by one
# Two transactions in each other's way, or making the same contact at once (an import beside the first deliveries).
_CONFLICT = (errors.DeadlockDetected, errors.SerializationFailure, errors.UniqueViolation)


def run(stop: threading.Event) -> None:
    """Drain until ``stop`` is set. Any number of threads and processes may run this at once."""
    try:
        with Bell("sayso_delivery") as bell:
            drain = Drain()
            while not stop.is_set():
                if not drain.step(stop):
                    bell.wait(POLL)
    finally:
        connection.close()


def drain_all() -> int:
    """Drain until nothing is due; returns how many deliveries were looked at. For commands and tests."""
    drain, total = Drain(), 0
    while count := drain.step():
        total += count
    return total


class Drain:
    """One worker's turn-taking: splitting first, then the first lane of all shops, then one batch of the next shop."""

    def __init__(self, batch: int = BATCH) -> None:
        self._batch = batch
        self._last = dict.fromkeys(LANES, 0)
        self._conflicts = 0

    def step(self, stop: threading.Event | None = None) -> int:
        """One batch of whoever's turn it is; the number of deliveries looked at, 0 if nothing is due.

        Raises what the database raises when it is gone.
        """
        try:
            count = split_batch() or self._next_batch()
            self._conflicts = 0
            return count
        except (OperationalError, IntegrityError) as error:
            if not isinstance(error.__cause__, _CONFLICT):
                raise
            # Everything was rolled back. Two workers that met do so again unless one waits a little.
            self._conflicts += 1
            log.info("a batch met another transaction and is tried again: %s", type(error.__cause__).__name__)
            (stop or threading.Event()).wait(random.uniform(0.01, 0.1) * self._conflicts)  # noqa: S311
            return 1

    def _next_batch(self) -> int:
        for lane in LANES:
            for shop_id in waiting_shops(lane, self._last[lane]):
                self._last[lane] = shop_id
                if count := self._drain(shop_id, lane):
                    return count
        return 0

    def _drain(self, shop_id: int, lane: int) -> int:
        alone = self._conflicts >= CONFLICTS
        with transaction.atomic():
            deliveries = claim(shop_id, lane, 1 if alone else self._batch)
            if not deliveries:
                return 0
            enter_shop(shop_id)
            groups, unwanted = grouped(deliveries)
            done: list[Delivery] = []
            for handle, members in groups:
                done += self._apply(handle, shop_id, members, alone=alone)
            mark_done(done)
            mark_ignored(unwanted, "unknown topic")
            return len(deliveries)

    def _apply(self, handle: Handle, shop_id: int, deliveries: list[Delivery], *, alone: bool) -> Sequence[Delivery]:
        """Those that were applied; the others are marked. The whole batch first, then one by one."""
        try:
            return self._attempt(handle, shop_id, deliveries)
        except Exception as error:
            self._reraise_if_fatal(error, alone)
            if len(deliveries) == 1:
                self._failed(deliveries[0], error)
                return []
        applied: list[Delivery] = []
        for delivery in deliveries:
            try:
                applied += self._attempt(handle, shop_id, [delivery])
            except Exception as error:
                self._reraise_if_fatal(error, alone)
                self._failed(delivery, error)
        return applied

    @staticmethod
    def _attempt(handle: Handle, shop_id: int, deliveries: list[Delivery]) -> list[Delivery]:
        with transaction.atomic():
            waiting = set(handle(shop_id, deliveries) or ())
        for delivery in deliveries:
            if delivery.pk in waiting:
                mark_failed(delivery, WaitsForAnother())
        return [delivery for delivery in deliveries if delivery.pk not in waiting]

    @staticmethod
    def _reraise_if_fatal(error: Exception, alone: bool) -> None:
        """A lost connection ends the loop, a conflict ends the batch: neither is the delivery's fault."""
        if connection.connection is None or connection.connection.closed:
            raise error
        if not alone and isinstance(error.__cause__, _CONFLICT):
            raise error

    @staticmethod
    def _failed(delivery: Delivery, error: Exception) -> None:
        if not isinstance(error, WaitsForAnother):
            log.warning("%s %s %d failed: %s", delivery.provider, delivery.topic, delivery.pk, type(error).__name__)
        mark_failed(delivery, error)
