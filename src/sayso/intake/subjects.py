"""Whom a delivery is about, in keys by which it is found again when a person asks for theirs or to be erased.

Keys are the ids a platform gave (``customer:17``, ``order:4711``) and keyed hashes of addresses (``email:…``,
``phone:…``): the body is scrubbed on request, the keys name nobody outside the shop. They are written when a delivery is
drained, because then somebody reads it anyway; intake stays as it is.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterable, Sequence

from django.db import connection, transaction

from .models import Delivery

log = logging.getLogger(__name__)

Read = Callable[[Delivery], Iterable[str]]
"""Runs inside the shop's transaction. What it cannot read it leaves out; it raises for nothing a provider may send."""

_readers: dict[str, Read] = {}
CHUNK = 2_000


def subjects(provider: str) -> Callable[[Read], Read]:
    """Register what names the people in the deliveries of a provider."""

    def register(read: Read) -> Read:
        _readers[provider] = read
        return read

    return register


def of(delivery: Delivery) -> list[str]:
    """The keys of one delivery, in a fixed order. A body nobody can read has none."""
    read = _readers.get(delivery.provider)
    if read is None or delivery.shop_id is None:
        return []
    try:
        return sorted({key[:128] for key in read(delivery) if key and " " not in key})
    except ValueError as error:  # no JSON: parked as well, and scrubbed with age
        log.info("%s delivery %d names nobody: %s", delivery.provider, delivery.pk, type(error).__name__)
        return []


def columns(deliveries: Sequence[Delivery]) -> tuple[list[int], list[str]]:
    """Ids, and keys as texts that ``string_to_array(…, ' ')`` takes apart: arrays of arrays must not be ragged."""
    return [delivery.pk for delivery in deliveries], [" ".join(of(delivery)) for delivery in deliveries]


def fill(shop_id: int) -> int:
    """Give keys to the drained deliveries that have none: parked ones, and those from before there were keys.

    Needs a transaction with the shop. Returns how many got theirs.
    """
    total = 0
    while True:
        waiting = list(
            Delivery.objects.filter(shop_id=shop_id, subject_keys__isnull=True).exclude(state=Delivery.State.NEW)
            .order_by("id")[:CHUNK]
        )  # fmt: skip
        if not waiting:
            return total
        with transaction.atomic(), connection.cursor() as cursor:
            cursor.execute(
                "update delivery d set subject_keys = string_to_array(k.keys, ' ')"
                " from unnest(%s::bigint[], %s::text[]) as k(id, keys) where d.id = k.id",
                [*columns(waiting)],
            )
        total += len(waiting)
