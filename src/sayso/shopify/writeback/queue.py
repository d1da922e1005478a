"""Which consents the store is to be told of: changes that happened here, and opt-outs that it seems not to know.

Rows of ``shopify_write_back`` are folded by contact and channel. An opt-out is in force from the moment it is recorded;
nothing ever waits for what stands here.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import timedelta
from typing import Any

from django.db import connection

from sayso.consent import settings
from sayso.consent.events import State
from sayso.contacts.changes import ContactChange
from sayso.events.consumers import Seen, consumer
from sayso.shops.models import Shop
from sayso.shops.tenancy import current_shop_id

from ..consent_values import ConsentReading

BELL = "sayso_write_back"
SCOPE = "write_customers"
SOON = timedelta(minutes=10)
"""A reading that does not know an opt-out written within this time may be older than the write."""
NEXT_DAY = timedelta(hours=20)
"""What the store refused is offered again by the next day's reconciliation, not by each reading."""

_OPTED_IN = frozenset({State.SUBSCRIBED, State.PENDING})

# {wanted} gives contact_id and channel. Whoever is no customer of the store has no consent there.
_QUEUE = """
    insert into shopify_write_back as held (shop_id, contact_id, channel, requested_at, not_before)
    select current_shop(), w.contact_id, w.channel, clock_timestamp(), clock_timestamp()
    from ({wanted}) w
    join lateral (select true from contact c where c.shop_id = (select current_shop()) and c.id = w.contact_id
        and c.shopify_customer_id is not null and c.deleted_at is null and c.redacted_at is null limit 1) c on true
    join lateral (select st from consent_state st where st.shop_id = (select current_shop())
        and st.contact_id = w.contact_id limit 1) s on true
    cross join lateral shopify_tellable(s.st, w.channel) t
    where {condition}
    order by w.contact_id, w.channel
    on conflict (shop_id, contact_id, channel) do update set
        -- What is on its way stays so: its worker finds that more was asked for, and lets it wait again.
        state = case when held.state = 'SENDING' then 'SENDING' else 'WAITING' end,
        not_before = case when held.state = 'SENDING' then held.not_before else excluded.not_before end,
        requested_at = excluded.requested_at, attempts = 0, error = ''
    where {again}
    returning 1
"""

_CHANGED = """
    select distinct l.contact_id, l.channel
    from event e join consent_ledger l on l.shop_id = e.shop_id and l.contact_id = e.contact_id and l.xid = e.xid
    where e.shop_id = current_shop() and e.id = any(%s) and jsonb_exists(e.data, l.channel)
    -- What Shopify said itself, of this channel, it need not be told.
    and l.event not like 'SHOP\\_%%' and l.from_state <> l.to_state
"""

_SAID = """
    select said.contact_id, said.channel, said.at
    from unnest(%s::bigint[], %s::text[], %s::timestamptz[]) as said (contact_id, channel, at)
    -- Nearly all of an import end here, one look-up each.
    join lateral (select case said.channel when 'whatsapp' then st.whatsapp_state when 'sms' then st.sms_state
            else st.email_state end as state
        from consent_state st where st.shop_id = (select current_shop()) and st.contact_id = said.contact_id limit 1
    ) st on st.state = 'UNSUBSCRIBED'
"""

_NOT_YET = """
    held.state in ('DONE', 'FAILED')
    and not (held.written_state = 'UNSUBSCRIBED' and held.written_at > clock_timestamp() - %(soon)s)
    and not (held.state = 'FAILED' and held.settled_at > clock_timestamp() - %(next_day)s)
"""

_HELD = " union all ".join(
    f"""select contact_id, '{channel}' as channel, {channel}_shop_at as at from consent_state
    where {channel}_state = 'UNSUBSCRIBED' and {channel}_shop_value in ('SUBSCRIBED', 'PENDING')
    and not exists (select from shopify_write_back b where b.contact_id = consent_state.contact_id
        and b.channel = '{channel}' and b.written_state = 'UNSUBSCRIBED')"""  # noqa: S608 (names of ours)
    for channel in ("whatsapp", "sms", "email")
)


@consumer("shopify.write_back", "consent.changed")
def consent_changed(seen: Sequence[Seen]) -> None:
    """Have the store told what changed here."""
    if wanted():
        _queue(_CHANGED, [[event.id for event in seen]], condition="true", again="true")


def wanted() -> bool:
    """Whether the current shop tells its store (the setting ``write_back_consent``)."""
    return settings.of(Shop.objects.get(pk=current_shop_id())).write_back_consent


def push_standing(said: Iterable[tuple[int, ContactChange, ConsentReading]], *, bulk: bool = False) -> int:
    """Have opt-outs told again to a store that was just read to say otherwise, with an older time (features §6.12).

    For (contact, change, reading) as :func:`..customers.apply_readings` holds them, which calls this for everything it
    reads; in its transaction. Answers how many were queued. Of an import (``bulk``) only those are looked at that were told
    before: the others are found in one statement at its end, :func:`push_all_standing` (15 µs a reading saved).
    """
    said = list(said)
    if bulk:
        told = _told_before([contact_id for contact_id, _, _ in said])
        said = [one for one in said if one[0] in told] if told else []
    unaware = [(contact_id, str(one.channel), one.at) for contact_id, _, one in said if one.state in _OPTED_IN]
    if not unaware or not wanted():
        return 0
    contacts, channels, times = zip(*unaware, strict=True)
    return _push(_SAID, [list(contacts), list(channels), list(times)])


def _told_before(contact_ids: list[int]) -> set[int]:
    with connection.cursor() as cursor:
        cursor.execute("select exists (select from shopify_write_back)")
        if not cursor.fetchone()[0]:
            return set()
        cursor.execute("select distinct contact_id from shopify_write_back where contact_id = any(%s)", [contact_ids])
        return {contact_id for (contact_id,) in cursor.fetchall()}


def push_all_standing() -> int:
    """The same for all that the store was ever read to say, in one statement; once an import ended, or writing back was
    switched on. In a transaction of the shop. Answers how many were queued."""
    return _push(_HELD, []) if wanted() else 0


def _push(said: str, values: list[Any]) -> int:
    again = _NOT_YET % {
        "soon": f"interval '{int(SOON.total_seconds())} seconds'",
        "next_day": f"interval '{int(NEXT_DAY.total_seconds())} seconds'",
    }
    older = "t.state = 'UNSUBSCRIBED' and (w.at is null or date_trunc('second', w.at) <= t.occurred_at)"
    return _queue(said, values, condition=older, again=again)


def _queue(wanted: str, values: list[Any], *, condition: str, again: str) -> int:
    with connection.cursor() as cursor:
        cursor.execute(_QUEUE.format(wanted=wanted, condition=condition, again=again), values)
        queued = cursor.rowcount
        if queued:
            cursor.execute("select pg_notify(%s, '')", [BELL])
    return queued


def try_again(contact_id: int | None = None) -> int:
    """Offer what the store refused once more: of one contact, or all of the current shop. Answers how many."""
    with connection.cursor() as cursor:
        cursor.execute(
            """update shopify_write_back set state = 'WAITING', not_before = clock_timestamp(), attempts = 0, error = '',
                requested_at = clock_timestamp()
            where state = 'FAILED' and (%(contact)s::bigint is null or contact_id = %(contact)s)""",
            {"contact": contact_id},
        )
        queued = cursor.rowcount
        cursor.execute("select pg_notify(%s, '')", [BELL])
    return queued
