"""Batches meet: two transactions that touch the same people may block each other, or make the same contact at once."""

from __future__ import annotations

import logging
import random
import time
from collections.abc import Callable
from typing import TypeVar

from django.db import IntegrityError, OperationalError
from psycopg import errors

from sayso.shops.tenancy import shop_context

log = logging.getLogger(__name__)

ATTEMPTS = 6
_CONFLICT = (errors.DeadlockDetected, errors.SerializationFailure, errors.UniqueViolation, errors.LockNotAvailable)

T = TypeVar("T")


def in_shop(shop_id: int, work: Callable[[], T], *, attempts: int = ATTEMPTS) -> T:
    """Run ``work`` in a transaction of the shop, whole and from the start again where it met another transaction.

    Call it outside of any transaction. Raises the conflict itself after the last attempt, and whatever else happens.
    """
    for attempt in range(1, attempts + 1):
        try:
            with shop_context(shop_id):
                return work()
        except (OperationalError, IntegrityError) as error:
            if not is_conflict(error) or attempt == attempts:
                raise
            log.info("a batch met another transaction and is tried again: %s", type(error.__cause__).__name__)
            time.sleep(random.uniform(0.01, 0.1) * attempt)  # noqa: S311
    raise AssertionError("unreachable")


def is_conflict(error: BaseException) -> bool:
    """Whether a transaction failed because it met another one, and may succeed when repeated."""
    return isinstance(error.__cause__, _CONFLICT)
