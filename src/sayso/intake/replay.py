"""A person looked at parked deliveries and wants them tried again."""

from __future__ import annotations

from collections.abc import Sequence

from django.db import connection


def replay(shop_id: int, delivery_ids: Sequence[int] | None = None) -> int:
    """Let parked deliveries of one shop (None: all of them) be drained again at once, with all their tries.

    Returns how many. Others' and unparked ones are left alone.
    """
    wanted = None if delivery_ids is None else list(delivery_ids)
    with connection.cursor() as cursor:
        cursor.execute(
            "with again as (update delivery set state = 'NEW', attempts = 0, error = '', not_before = now(),"
            " drained_at = null where shop_id = %s and state = 'PARKED' and (%s::bigint[] is null or id = any(%s))"
            " returning 1) select count(*), case when count(*) > 0 then pg_notify('sayso_delivery', '') is null end"
            " from again",
            [shop_id, wanted, wanted],
        )
        (count, _) = cursor.fetchone()
    return count
