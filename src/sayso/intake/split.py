"""Taking deliveries apart that name no shop: each part becomes a delivery of the shop it concerns."""

from __future__ import annotations

import logging

from django.db import connection, transaction

from .claim import claim_unsplit, mark_done, mark_failed, mark_ignored
from .models import Delivery
from .registry import Child, split_of

log = logging.getLogger(__name__)

# Children inherit the times of their parent; one made before by a crashed try cannot exist, for both are one
# transaction, but a provider that repeats a body gives the same keys.
INSERT = """
with made as (
  insert into delivery (provider, key, shop_id, topic, lane, fold_key, headers, body, triggered_at, received_at,
                        state, error)
  select p.provider, c.key, c.shop_id, c.topic, c.lane, c.fold_key, p.headers, c.body, p.triggered_at, p.received_at,
         case when c.shop_id is null then 'IGNORED' else 'NEW' end,
         case when c.shop_id is null then 'unknown shop' else '' end
  from unnest(%s::bigint[], %s::text[], %s::bigint[], %s::text[], %s::int[], %s::text[], %s::bytea[])
       as c(parent, key, shop_id, topic, lane, fold_key, body)
       join delivery p on p.id = c.parent
  order by c.parent, c.key collate "C"
  on conflict (provider, key) do nothing
  returning 1
)
select pg_notify('sayso_delivery', '') from made limit 1
"""


def split_batch(limit: int = 50) -> int:
    """Split up to ``limit`` waiting deliveries in one transaction; returns how many were looked at."""
    with transaction.atomic():
        parents = claim_unsplit(limit)
        rows: list[tuple] = []
        done, unwanted = [], []
        for parent in parents:
            split = split_of(parent.provider)
            if split is None:
                unwanted.append(parent)
                continue
            try:
                with transaction.atomic():
                    rows += _rows(parent, list(split(parent)))
                done.append(parent)
            except Exception as error:
                if connection.connection is None or connection.connection.closed:
                    raise
                log.warning("a %s delivery cannot be split: %s", parent.provider, type(error).__name__)
                mark_failed(parent, error)
        if rows:
            with connection.cursor() as cursor:
                cursor.execute(INSERT, [list(column) for column in zip(*rows, strict=True)])
        mark_done(done)
        _forget_bodies(done)
        mark_ignored(unwanted, "unknown topic")
    return len(parents)


def _forget_bodies(parents: list[Delivery]) -> None:
    """The children hold it all, each with its shop; here nobody's erasure would find it. The key stays."""
    if parents:
        with connection.cursor() as cursor:
            cursor.execute("update delivery set body = '' where id = any(%s)", [[parent.pk for parent in parents]])


def _rows(parent: Delivery, children: list[Child]) -> list[tuple]:
    rows = []
    for index, child in enumerate(children):
        # Six digits keep the order of the parts in the order of the keys, and so of the ids.
        key = f"{parent.key}.{index:06d}"
        shops: tuple[int | None, ...] = child.shop_ids or (None,)
        for shop_id in shops:
            own = key if len(shops) == 1 else f"{key}.{shop_id}"
            rows.append((parent.pk, own, shop_id, child.topic, child.lane, child.fold_key, child.body))
    return rows
