"""A person looked at parked deliveries and wants them tried again."""

from __future__ import annotations

from collections.abc import Sequence

from django.db import connection

REPLAY = """
with again as (
    update delivery set state = 'NEW', attempts = 0, error = '', not_before = now(), drained_at = null
    where shop_id = %(shop)s and state = 'PARKED' and (%(ids)s::bigint[] is null or id = any(%(ids)s))
    and (%(topic)s::text is null or (provider, topic) = (%(provider)s, %(topic)s))
    and (%(error)s::text is null or error = %(error)s)
    returning 1
)
select count(*), case when count(*) > 0 then pg_notify('sayso_delivery', '') is null end from again
"""


def replay(
    shop_id: int,
    delivery_ids: Sequence[int] | None = None,
    *,
    provider: str = "",
    topic: str | None = None,
    error: str | None = None,
) -> int:
    """Let parked deliveries of one shop (None: all of them) be drained again at once, with all their tries.

    ``provider`` and ``topic`` mean those of one topic, ``error`` those that failed in that way. Returns how many. Others'
    and unparked ones are left alone.
    """
    wanted = None if delivery_ids is None else list(delivery_ids)
    with connection.cursor() as cursor:
        cursor.execute(REPLAY, {"shop": shop_id, "ids": wanted, "provider": provider, "topic": topic, "error": error})
        (count, _) = cursor.fetchone()
    return count
