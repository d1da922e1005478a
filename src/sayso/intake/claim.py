"""The queue in table ``delivery``: whose turn it is, claiming, and writing down what became of a delivery.

A claim lasts as long as its transaction. A worker that dies gives everything back by dying.
"""

from __future__ import annotations

from collections.abc import Sequence

from django.db import connection

from . import subjects
from .failure import describe, retry_delay, waiting_delay
from .metrics import OUTCOMES
from .models import Delivery
from .registry import WaitsForAnother

# A loose index scan over delivery_waiting: one probe a shop, however many deliveries wait.
WAITING_SHOPS = """
with recursive shops as (
  (select shop_id from delivery where state = 'NEW' and lane = %(lane)s and shop_id is not null
   order by shop_id limit 1)
  union all
  select (select d.shop_id from delivery d
          where d.state = 'NEW' and d.lane = %(lane)s and d.shop_id > shops.shop_id
          order by d.shop_id limit 1)
  from shops where shops.shop_id is not null
)
select shop_id from shops where shop_id is not null order by shop_id <= %(after)s, shop_id
"""

# First the oldest deliveries that are due, then their keys, then a lock for each key, oldest first and as many as
# wanted. Materialised, so that a lock is asked for once a key and never for a key that is not in the batch. The rows
# are checked again under their own lock: another worker may have finished them after this statement began.
CLAIM = """
with waiting as materialized (
  select id, fold_key from delivery
  where state = 'NEW' and lane = %(lane)s and shop_id = %(shop)s and not_before <= statement_timestamp()
  order by id limit %(window)s
), keys as materialized (
  select fold_key, min(id) as first from waiting group by fold_key order by 2 limit %(limit)s
), held as materialized (
  select fold_key from keys
  where case when fold_key = '' then true
             else pg_try_advisory_xact_lock(hashtextextended(%(shop)s::text || ' ' || fold_key, 5173)) end
)
select d.* from delivery d
where d.id in (select w.id from waiting w join held using (fold_key) order by w.id limit %(limit)s)
  and d.state = 'NEW' and d.not_before <= statement_timestamp()
order by d.id
for update of d skip locked
"""

CLAIM_UNSPLIT = """
select * from delivery
where state = 'NEW' and shop_id is null and lane in (0, 1) and not_before <= statement_timestamp()
order by lane, id limit %s
for update skip locked
"""


def waiting_shops(lane: int, after: int) -> list[int]:
    """Shops with deliveries in ``lane``, beginning with the one that follows ``after``: round robin."""
    with connection.cursor() as cursor:
        cursor.execute(WAITING_SHOPS, {"lane": lane, "after": after})
        return [shop_id for (shop_id,) in cursor.fetchall()]


def claim(shop_id: int, lane: int, limit: int) -> list[Delivery]:
    """Claim due deliveries of one shop until the transaction ends, ordered by id.

    A fold key belongs to one worker at a time. The window looks past keys that other workers hold.
    """
    parameters = {"shop": shop_id, "lane": lane, "limit": limit, "window": limit * 4}
    return list(Delivery.objects.raw(CLAIM, parameters))


def claim_unsplit(limit: int) -> list[Delivery]:
    """Claim deliveries that name no shop yet."""
    return list(Delivery.objects.raw(CLAIM_UNSPLIT, [limit]))


def mark_done(deliveries: Sequence[Delivery]) -> None:
    _finish(deliveries, Delivery.State.DONE, "")
    OUTCOMES.labels("done").inc(len(deliveries))


def mark_ignored(deliveries: Sequence[Delivery], why: str) -> None:
    _finish(deliveries, Delivery.State.IGNORED, why)
    OUTCOMES.labels("ignored").inc(len(deliveries))


def _finish(deliveries: Sequence[Delivery], state: str, error: str) -> None:
    if deliveries:
        with connection.cursor() as cursor:
            cursor.execute(
                "update delivery d set state = %s, error = %s, drained_at = clock_timestamp(), attempts = attempts + 1,"
                " subject_keys = string_to_array(k.keys, ' ')"
                " from unnest(%s::bigint[], %s::text[]) as k(id, keys) where d.id = k.id",
                [state, error, *subjects.columns(deliveries)],
            )


def mark_failed(delivery: Delivery, error: BaseException) -> None:
    """Let it wait for its next try, or park it after the last."""
    attempts = delivery.attempts + 1
    waits = isinstance(error, WaitsForAnother)
    delay = waiting_delay(attempts) if waits else retry_delay(attempts)
    OUTCOMES.labels("waiting" if waits else "failed" if delay is not None else "parked").inc()
    with connection.cursor() as cursor:
        cursor.execute(
            "update delivery set attempts = least(%s, 30000), error = %s, state = %s,"
            " not_before = clock_timestamp() + make_interval(secs => %s),"
            " drained_at = case when %s then clock_timestamp() end where id = %s",
            [
                attempts,
                describe(error),
                Delivery.State.PARKED if delay is None else Delivery.State.NEW,
                delay or 0,
                delay is None,
                delivery.pk,
            ],
        )
