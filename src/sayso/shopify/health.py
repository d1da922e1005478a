"""What is wrong with the sync of a shop at this moment, for the line on top of every page. One statement, a few probes."""

from __future__ import annotations

from dataclasses import dataclass

from django.db import connection

LOOK = """
select
    (select c.domain || ' | ' || c.status_reason from shopify_connection c
     where c.shop_id = %(shop)s and c.status = 'REFUSED' order by c.id limit 1),
    (select extract(epoch from now() - min(d.received_at))::float8 from delivery d
     where d.shop_id = %(shop)s and d.state = 'NEW'),
    (select count(*) from (select from delivery d where d.shop_id = %(shop)s and d.state = 'PARKED' limit 1000) p),
    (select extract(epoch from now() - c.polled_to)::float8 from shopify_connection c
     where c.shop_id = %(shop)s and c.polled_to is not null and c.subscriptions_checked_at is null order by c.id limit 1),
    (select extract(epoch from now() - c.subscriptions_checked_at)::float8 from shopify_connection c
     where c.shop_id = %(shop)s and c.status = 'CONNECTED' order by c.id limit 1),
    (select count(*) from shopify_subscription s where s.shop_id = %(shop)s and s.held_since is null
     and s.missing_scope = '' and exists (select from shopify_connection c where c.shop_id = s.shop_id
        and c.status = 'CONNECTED' and c.subscriptions_checked_at is not null)),
    (select array_agg(r.kind) from (
        select distinct on (kind) kind, status from sync_run
        where shop_id = %(shop)s and trigger not in ('live', 'dry_run') order by kind, id desc) r where r.status = 'ERROR')
"""
LATE = 5 * 60  # seconds that a delivery may wait
UNPOLLED = 20 * 60  # seconds; the store is asked every five minutes where it cannot deliver
UNCHECKED = 3 * 3600  # seconds; subscriptions are compared every hour


@dataclass(frozen=True, slots=True)
class Trouble:
    """One thing that keeps the store's data from being current; ``code`` says which, ``where`` names the page."""

    code: str
    text: str
    where: str


def troubles(shop_id: int) -> list[Trouble]:
    """What is wrong now, the gravest first. Needs the shop's transaction; deliveries carry no policy and are asked for
    by shop."""
    with connection.cursor() as cursor:
        cursor.execute(LOOK, {"shop": shop_id})
        refused, oldest, parked, unpolled, unchecked, missing, failed = cursor.fetchone()
    found = []
    if refused is not None:
        domain, _, reason = refused.partition(" | ")
        found.append(Trouble("REFUSED", f"{domain} refuses us, so nothing comes in. {reason}".strip(), "shopify"))
    if oldest is not None and oldest > LATE:
        found.append(Trouble("LATE", f"Changes from the store wait for {_minutes(oldest)}.", "sync"))
    if unpolled is not None and unpolled > UNPOLLED:
        found.append(Trouble("UNPOLLED", f"The store was not asked for changes for {_minutes(unpolled)}.", "sync"))
    if unchecked is not None and unchecked > UNCHECKED:
        text = f"The store's subscriptions were not compared for {_minutes(unchecked)}; some may be missing."
        found.append(Trouble("UNCHECKED", text, "shopify"))
    if missing:
        text = f"{missing} topic{'' if missing == 1 else 's'} of the store could not be subscribed to."
        found.append(Trouble("MISSING", text, "shopify"))
    for kind in sorted(failed or ()):
        what = "comparison with the store" if kind == "reconcile" else f"import of {kind}"
        found.append(Trouble("FAILED", f"The {what} stopped with an error.", "sync"))
    if parked:
        many = "More than 1,000" if parked >= 1000 else f"{parked:,}"
        text = f"{many} deliver{'y' if parked == 1 else 'ies'} failed too often and wait for a person."
        found.append(Trouble("PARKED", text, "parked"))
    return found


def _minutes(seconds: float) -> str:
    minutes = round(seconds / 60)
    return f"{minutes} minutes" if minutes < 120 else f"{round(minutes / 60)} hours"
