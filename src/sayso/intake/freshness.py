"""How soon deliveries are applied, over time: counted in windows of five minutes, and kept when the deliveries are gone.

A window is the deliveries that *came* in it, so that a standstill shows where it began. One in which something still
waits is counted again until nothing does; all others are counted once.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from django.db import connection

WINDOW = timedelta(minutes=5)
LOOK_BACK = timedelta(days=3)  # how long the counting may have stood still without missing anything
FIRST_LOOK_BACK = timedelta(days=30)
KEPT = timedelta(days=29)  # deliveries older than this are about to be removed: what was counted of them stays

COUNT = """
with asked as (
    select at from delivery_freshness
    where shop_id = %(shop)s and waiting > 0 and at > now() - %(kept)s
    union
    select generate_series(
        date_bin(%(window)s, greatest(max(at), now() - (case when max(at) is null then %(first)s else %(back)s end)),
            '2000-01-01Z'), now(), %(window)s)
    from delivery_freshness where shop_id = %(shop)s
), found as materialized (
    select a.at, d.provider, d.state,
        case when d.state = 'DONE' then greatest(0, ceil(4 * ln(greatest(1, 1000 * extract(epoch from d.drained_at
            - d.received_at)::float8)) / ln(2::float8)))::smallint end as bucket, count(*)::int as number
    from asked a cross join lateral (
        select provider, state, drained_at, received_at from delivery
        where shop_id = %(shop)s and state in ('NEW', 'DONE', 'IGNORED', 'PARKED')
        and received_at >= a.at and received_at < a.at + %(window)s offset 0
    ) d group by 1, 2, 3, 4
)
insert into delivery_freshness as held (shop_id, provider, at, deliveries, waiting, parked, buckets, counts)
select %(shop)s, provider, at, sum(number), coalesce(sum(number) filter (where state in ('NEW', 'PARKED')), 0),
    coalesce(sum(number) filter (where state = 'PARKED'), 0),
    coalesce(array_agg(bucket order by bucket) filter (where bucket is not null), '{}'),
    coalesce(array_agg(number order by bucket) filter (where bucket is not null), '{}')
from found group by provider, at
on conflict (shop_id, provider, at) do update set deliveries = excluded.deliveries, waiting = excluded.waiting,
    parked = excluded.parked, buckets = excluded.buckets, counts = excluded.counts
where excluded.deliveries >= held.deliveries
"""

READ = """
select date_bin(%(step)s, f.at, %(since)s), u.bucket, sum(u.number)::bigint
from delivery_freshness f cross join lateral unnest(f.buckets, f.counts) u (bucket, number)
where f.shop_id = %(shop)s and f.provider = %(provider)s and f.at >= %(since)s group by 1, 2 order by 1, 2
"""


@dataclass(frozen=True, slots=True)
class Lag:
    """Of the deliveries that came in one step of time: how many were applied, and after how many milliseconds half and
    99 of 100 of them were."""

    at: datetime
    applied: int
    p50: int
    p99: int


def count(shop_id: int) -> int:
    """Count the windows of one shop that are new or still open; returns how many were written. Needs its transaction."""
    given: dict[str, Any] = {
        "shop": shop_id, "window": WINDOW, "kept": KEPT, "back": LOOK_BACK, "first": FIRST_LOOK_BACK,
    }  # fmt: skip
    with connection.cursor() as cursor:
        cursor.execute(COUNT, given)
        return cursor.rowcount


def lags(shop_id: int, since: datetime, step: timedelta, provider: str = "shopify") -> list[Lag]:
    """What was counted from ``since`` on, in steps, oldest first; steps without deliveries are left out. Needs the
    shop's transaction."""
    given: dict[str, Any] = {"shop": shop_id, "provider": provider, "since": since, "step": step}
    with connection.cursor() as cursor:
        cursor.execute(READ, given)
        rows = cursor.fetchall()
    steps: dict[datetime, list[tuple[int, int]]] = {}
    for at, bucket, number in rows:
        steps.setdefault(at, []).append((bucket, int(number)))
    return [
        Lag(at, sum(number for _, number in found), percentile(found, 0.5), percentile(found, 0.99))
        for at, found in steps.items()
    ]


def percentile(found: list[tuple[int, int]], share: float) -> int:
    """Milliseconds within which ``share`` of what the histogram counts was done: the upper end of the bucket."""
    wanted, so_far = share * sum(number for _, number in found), 0
    for bucket, number in found:
        so_far += number
        if so_far >= wanted:
            return round(2 ** (bucket / 4))
    return 0
