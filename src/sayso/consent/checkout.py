"""Opt-ins made at the checkout (features §6.5): the order they came with, and what the checkout said on that day.

Shopify tells that somebody subscribed, not where. An order of the same person within ten minutes shows that it was the
checkout's box; it is added as evidence, an entry of its own that names the first, whichever of the two arrives first.
"""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime
from typing import NamedTuple

from django.db import connection

from . import wordings
from .events import Channel, ConsentEvent
from .record import record

SOURCE = "shopify_checkout"
WITHIN = "10 minutes"


class _Match(NamedTuple):
    ledger_id: int
    contact_id: int
    channel: str
    occurred_at: datetime
    locale: str | None
    order_id: int
    order_name: str


def bind(contacts: Iterable[int], *, bulk: bool = False) -> int:
    """Add the order, and the stored wording of the contact's language, to the opt-ins of these contacts that lack it.

    Answers how many entries got their evidence. Needs a transaction with a shop; again it adds nothing.
    """
    matches = _matches(sorted(set(contacts)))
    shown = wordings.at_many(wordings.CHECKOUT, [(match.channel, match.locale, match.occurred_at) for match in matches])
    record((_event(match, wording) for match, wording in zip(matches, shown, strict=True)), bulk=bulk, report=False)
    return len(matches)


def _matches(contacts: list[int]) -> list[_Match]:
    if not contacts:
        return []
    with connection.cursor() as cursor:
        cursor.execute(
            # One look-up each (offset 0): as a join it reads the whole ledger of a shop that is new to the statistics.
            f"""select l.id, l.contact_id, l.channel, l.occurred_at, c.locale, o.shopify_order_id, o.name
            from unnest(%s::bigint[]) n (contact_id)
            join lateral (
                select * from consent_ledger l where l.contact_id = n.contact_id and l.source = 'shopify'
                and l.outcome <> 'REFUSED' and l.event in ('SHOP_SUBSCRIBED', 'SHOP_PENDING', 'OPT_IN_UNCONFIRMED')
                offset 0
            ) l on true
            join lateral (
                select o.shopify_order_id, o.name from orders o
                where o.shop_id = l.shop_id and o.contact_id = l.contact_id
                and o.placed_at between l.occurred_at - interval '{WITHIN}' and l.occurred_at + interval '{WITHIN}'
                order by abs(extract(epoch from o.placed_at - l.occurred_at)), o.shopify_order_id limit 1
            ) o on true
            join lateral (
                select c.locale from contact c where c.id = n.contact_id and c.redacted_at is null limit 1
            ) c on true
            where not exists (
                select from consent_ledger e where e.shop_id = l.shop_id and e.contact_id = n.contact_id
                and e.event = 'EVIDENCE' and e.caused_by = l.id offset 0
            )""",  # noqa: S608 (the interval is ours)
            [contacts],
        )
        return [_Match(*row) for row in cursor.fetchall()]


def _event(match: _Match, wording: wordings.Wording | None) -> ConsentEvent:
    evidence = {"reference": str(match.order_id), "order": match.order_name}
    return ConsentEvent(
        contact_id=match.contact_id,
        channel=Channel(match.channel),
        event="EVIDENCE",
        occurred_at=match.occurred_at,
        source=SOURCE,
        actor_kind="system",
        caused_by=match.ledger_id,
        wording_version=wording.name if wording else None,
        language=wording.language if wording else match.locale,
        evidence=evidence | ({"wording": wording.text} if wording else {}),
    )
