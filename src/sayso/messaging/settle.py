"""What the provider reports of messages we sent. Reports come out of order and repeatedly; a message never steps back."""

from __future__ import annotations

import json
from collections.abc import Iterable
from datetime import UTC, datetime

from django.db import connection

from sayso.channels.whatsapp.errors import Effect
from sayso.channels.whatsapp.types import StatusUpdate
from sayso.consent.events import Channel, ConsentEvent
from sayso.consent.record import record
from sayso.shops.tenancy import current_shop_id

from .receive import elsewhere, from_number, number_of, people

KNOWN = {"sent", "delivered", "read", "played", "failed"}
UNREACHABLE_DAYS = 30


def settle(updates: Iterable[StatusUpdate]) -> None:
    """Apply reports to the current shop's messages. Needs a transaction with a shop.

    A message is found by the id we sent along, so a report may settle one whose answer was lost; else by the
    provider's id. ``read`` implies delivered; a failure after the delivery is kept as a note.
    """
    shop_id, updates = current_shop_id(), list(updates)
    rows = []
    for update in updates:
        if update.status not in KNOWN:
            continue
        own_shop, _, own_id = (update.callback_data or "").partition(":")
        ours = int(own_id) if own_shop == str(shop_id) and own_id.isascii() and own_id.isdigit() else None
        failure = update.failure
        rows.append(
            (
                ours, update.message_id, update.status, update.at or datetime.now(UTC),
                failure.code if failure else None,
                str(failure.provider_code) if failure and failure.provider_code is not None else None,
                failure.title if failure else None,
            )
        )  # fmt: skip
    if not rows:
        return
    with connection.cursor() as cursor:
        cursor.execute(
            """with said as (
                select u.*, coalesce(ours.id, theirs.id) as id
                from unnest(%s::bigint[], %s::text[], %s::text[], %s::timestamptz[], %s::text[], %s::text[], %s::text[])
                    as u(own_id, provider_id, status, at, code, provider_code, title)
                left join lateral (select m.id from message m where m.id = u.own_id and m.direction = 'OUT') ours
                    on u.own_id is not null
                left join lateral (select m.id from message m where m.provider_id = u.provider_id limit 1) theirs
                    on ours.id is null
            ), told as (
                select id, max(provider_id) as provider_id,
                    min(at) filter (where status = 'sent') as sent_at,
                    min(at) filter (where status in ('delivered', 'read', 'played')) as delivered_at,
                    min(at) filter (where status in ('read', 'played')) as read_at,
                    min(at) filter (where status = 'failed') as failed_at,
                    max(code) as code, max(provider_code) as provider_code, max(title) as title
                from said where id is not null group by id
            )
            update message m set
                provider_id = case when m.address is not null then coalesce(m.provider_id, t.provider_id) end,
                sent_at = coalesce(m.sent_at, t.sent_at, t.delivered_at),
                delivered_at = least(m.delivered_at, t.delivered_at),
                read_at = least(m.read_at, t.read_at),
                failed_at = coalesce(m.failed_at, t.failed_at),
                status = case
                    when m.read_at is not null or t.read_at is not null then 'READ'
                    when m.delivered_at is not null or t.delivered_at is not null then 'DELIVERED'
                    when m.status = 'FAILED' or t.failed_at is not null then 'FAILED'
                    else 'SENT' end,
                error_code = case when coalesce(m.delivered_at, t.delivered_at) is null
                    then coalesce(t.code, case when m.status = 'FAILED' then m.error_code end) end,
                provider_code = coalesce(t.provider_code, m.provider_code),
                provider_text = coalesce(t.title, m.provider_text)
            from told t where m.id = t.id and m.status not in ('QUEUED', 'SKIPPED')
            returning m.id, m.contact_id, m.origin, m.origin_id, m.address_key, m.provider_id""",
            [list(column) for column in zip(*rows, strict=True)],
        )
        touched = cursor.fetchall()
        campaigns = sorted({row[3] for row in touched if row[2] == "CAMPAIGN"})
        for campaign in campaigns[:10]:
            cursor.execute("select pg_notify('sayso_live', %s)", [json.dumps({"shop": shop_id, "campaign": campaign})])
    _effects(shop_id, updates, {row[0]: row for row in touched})


def _effects(shop_id: int, updates: Iterable[StatusUpdate], touched: dict[int, tuple]) -> None:
    """What a failure says of the person: 131050 is an opt-out, 131026 makes the number unreachable for a month.

    An opt-out counts also where the message is none of ours, or was settled before: then the recipient is who is meant.
    """
    by_provider_id = {row[5]: row for row in touched.values()}
    opt_outs: list[tuple[StatusUpdate, int]] = []
    strangers: list[StatusUpdate] = []
    unreachable: list[tuple[int, bytes]] = []
    for update in updates:
        if update.failure is None or update.failure.effect is None:
            continue
        own_shop, _, own_id = (update.callback_data or "").partition(":")
        row = touched.get(int(own_id)) if own_shop == str(shop_id) and own_id.isascii() and own_id.isdigit() else None
        row = row or by_provider_id.get(update.message_id)
        if update.failure.effect is Effect.OPT_OUT:
            if row is not None:
                opt_outs.append((update, row[1]))
            elif update.recipient.wa_id or update.recipient.bsuid:
                strangers.append(update)
        elif update.failure.effect is Effect.UNREACHABLE and row is not None:
            unreachable.append((row[1], bytes(row[4])))
    if strangers:
        contacts = people([(update.recipient, update.at, False) for update in strangers])
        opt_outs += zip(strangers, contacts, strict=True)
    if opt_outs:
        numbers = elsewhere(
            [number_of(update.recipient) for update, _ in opt_outs], [contact for _, contact in opt_outs]
        )
        events = [from_number(_opt_out(*one), number) for one, number in zip(opt_outs, numbers, strict=True)]
        record([event for both in events for event in both], report=False)
    if unreachable:
        with connection.cursor() as cursor:
            cursor.execute(
                """insert into address_status (shop_id, contact_id, channel, status, reason, address_key, until)
                select %s, contact_id, 'whatsapp', 'UNREACHABLE', '131026', address_key, now() + make_interval(days => %s)
                from (select distinct on (1) * from unnest(%s::bigint[], %s::bytea[]) as u(contact_id, address_key)) u
                on conflict (shop_id, contact_id, channel) do update set status = excluded.status,
                    reason = excluded.reason, address_key = excluded.address_key, since = now(), until = excluded.until""",
                [current_shop_id(), UNREACHABLE_DAYS, [c for c, _ in unreachable], [k for _, k in unreachable]],
            )


def _opt_out(update: StatusUpdate, contact_id: int) -> ConsentEvent:
    return ConsentEvent(
        contact_id=contact_id,
        channel=Channel.WHATSAPP,
        event="OPT_OUT",
        occurred_at=update.at,
        source="meta_131050",
        actor_kind="provider",
        evidence={"reference": update.message_id},
    )
