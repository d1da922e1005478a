"""A day of live changes as a run of the sync: who was new, who changed, who cannot be reached (features §8.7).

A consumer of the event log writes it: each event is counted once, whatever worker dies, and the drain waits for nothing.
Changes that were asked for (polled, read again) count like those that were delivered. A contact counts once a day.
"""

from __future__ import annotations

from collections.abc import Sequence

from django.db import connection

from sayso.events.consumers import Seen, consumer
from sayso.shops.models import Shop
from sayso.shops.tenancy import current_shop_id

KIND = "live"
ORIGINS = frozenset({"shopify", "guest_checkout", "order"})
CHUNK = 500  # contacts a row of the report, which is written anew with every batch until it is full

DAYS = """
select (e.recorded_at at time zone %(zone)s)::date, e.contact_id, bool_or(e.kind = 'contact.created')
from event e where e.shop_id = current_shop() and e.id = any(%(events)s) and e.contact_id is not null group by 1, 2
"""

# One worker at a time has a shop's cursor, so nobody else makes the row meanwhile.
RUN = """
with held as (
    select id from sync_run where shop_id = current_shop() and day = %(day)s and trigger = 'live'
), made as (
    insert into sync_run (shop_id, kind, trigger, day, status, started_at)
    select current_shop(), 'live', 'live', %(day)s, 'COMPLETE', %(day)s::date::timestamp at time zone %(zone)s
    where not exists (select from held) returning id
)
select id from held union all select id from made
"""

COUNT = """
with told as (
    select t.id, t.made from unnest(%(contacts)s::bigint[], %(made)s::boolean[]) t (id, made)
    where t.id not in (
        select unnest(c.created_ids || c.updated_ids) from sync_chunk c
        where c.shop_id = current_shop() and c.run_id = %(run)s)
), lost as (
    select t.id, k.shopify_customer_id, k.phone_raw is not null as with_phone from told t
    join contact k on k.shop_id = current_shop() and k.id = t.id
    where k.phone_key is null and k.email_key is null and k.deleted_at is null and k.redacted_at is null
), fresh as (
    select coalesce(array_agg(id order by id) filter (where made), '{}') as made,
        coalesce(array_agg(id order by id) filter (where not made), '{}') as changed,
        (select coalesce(jsonb_agg(jsonb_build_array(case when with_phone then 'IMPOSSIBLE_PHONE' else 'NO_ADDRESS' end,
            coalesce(shopify_customer_id::text, ''), id, '') order by id), '[]') from lost) as problems
    from told having count(*) > 0
), open as (
    select c.id from sync_chunk c where c.shop_id = current_shop() and c.run_id = %(run)s
    and cardinality(c.created_ids) + cardinality(c.updated_ids) < %(chunk)s order by c.id desc limit 1
), appended as (
    update sync_chunk c set created_ids = c.created_ids || f.made, updated_ids = c.updated_ids || f.changed,
        problems = c.problems || f.problems
    from open, fresh f where c.shop_id = current_shop() and c.id = open.id returning c.id
), added as (
    insert into sync_chunk (shop_id, run_id, created_ids, updated_ids, problems, consent)
    select current_shop(), %(run)s, f.made, f.changed, f.problems, '[]' from fresh f
    where not exists (select from open)
)
update sync_run r set seen = r.seen + cardinality(f.made) + cardinality(f.changed),
    created = r.created + cardinality(f.made), updated = r.updated + cardinality(f.changed),
    invalid = r.invalid + jsonb_array_length(f.problems), heartbeat_at = now()
from fresh f where r.shop_id = current_shop() and r.id = %(run)s
"""


@consumer("shopify.live_days", "contact.created", "contact.updated")
def count(events: Sequence[Seen]) -> None:
    """Add contacts to the runs of the days on which we recorded that they changed."""
    ids = [event.id for event in events if event.origin in ORIGINS]
    if not ids:
        return
    zone = Shop.objects.values_list("time_zone", flat=True).get(pk=current_shop_id())
    with connection.cursor() as cursor:
        cursor.execute(DAYS, {"events": ids, "zone": zone})
        rows = cursor.fetchall()
        for day in sorted({row[0] for row in rows}):  # one, and two at midnight
            own = [row for row in rows if row[0] == day]
            cursor.execute(RUN, {"day": day, "zone": zone})
            cursor.execute(
                COUNT,
                {
                    "run": cursor.fetchone()[0],
                    "contacts": [contact_id for _, contact_id, _ in own],
                    "made": [made for _, _, made in own],
                    "chunk": CHUNK,
                },
            )
