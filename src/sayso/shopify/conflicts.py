"""Batches meet: two transactions that touch the same people may block each other, or make the same contact at once. And one
bad value among many must not cost the others."""

from __future__ import annotations

import logging
import random
import time
from collections.abc import Callable, Sequence
from typing import TypeVar

from django.db import DataError, IntegrityError, OperationalError
from psycopg import errors

from sayso.shops.tenancy import shop_context

log = logging.getLogger(__name__)

ATTEMPTS = 6
_CONFLICT = (errors.DeadlockDetected, errors.SerializationFailure, errors.UniqueViolation, errors.LockNotAvailable)

REFUSED = (DataError, IntegrityError, ValueError, OverflowError)
"""What is raised for a value that can never be stored, unless it is a conflict (:func:`is_conflict`)."""

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


def in_shop_apart(
    shop_id: int,
    items: Sequence[T],
    work: Callable[[Sequence[T]], object],
    refused: Callable[[T, Exception], object],
) -> None:
    """Run ``work(items)`` as :func:`in_shop` does; where one of them cannot be stored, each in a transaction of its own, and
    ``refused`` is told of those that are to blame. Raises everything else."""
    try:
        in_shop(shop_id, lambda: work(items))
    except REFUSED as error:
        if is_conflict(error):
            raise
        if len(items) == 1:
            refused(items[0], error)
            return
        for item in items:
            in_shop_apart(shop_id, [item], work, refused)


def is_conflict(error: BaseException) -> bool:
    """Whether a transaction failed because it met another one, and may succeed when repeated."""
    return isinstance(error.__cause__, _CONFLICT)
