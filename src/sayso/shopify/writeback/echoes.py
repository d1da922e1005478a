"""What the store says because we told it: it comes back by webhook, by reading, by import, and is no news (decision 26).

A reading of the value that was last written is an echo, whatever time Shopify gives it, as far as an echo can go: it
cannot be of an act later than the write. An opt-out that might be one in its own right is let through, for it costs
nothing: where the state is an opt-out already, nothing changes.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta

from django.db import connection

from sayso.consent.events import State
from sayso.contacts.changes import ContactChange

from ..consent_values import ConsentReading

Said = tuple[int, ContactChange, ConsentReading]

SKEW = timedelta(minutes=5)
"""How far Shopify's clock may be ahead of ours; granted to opt-ins, which must not lift an opt-out as echoes."""
_OPTED_IN = frozenset({State.SUBSCRIBED, State.PENDING})


def news(said: Sequence[Said], *, comparing: bool = False) -> list[Said]:
    """What is left of ``said`` (contact, change, reading) without echoes; in the transaction that applies it.

    ``comparing``: nothing is applied, so nothing that was written is forgotten.
    """
    written = _written([contact_id for contact_id, _, _ in said]) if said else {}
    if not written:
        return list(said)
    left, contradicted = [], []
    for one in said:
        contact_id, _, consent = one
        held = written.get((contact_id, consent.channel.value))
        if held is None:
            left.append(one)
            continue
        sending, last, at = held
        if consent.state in {sending, last}:
            on_its_way = consent.state == sending
            if on_its_way and consent.state not in _OPTED_IN and consent.at is not None:
                # It may be one of their own, and what seems to be on its way may never have left: at worst it is told
                # twice, at the time that we gave it.
                left.append(one)
            elif not _is_echo(consent, None if on_its_way else at):
                left.append(one)
        else:
            left.append(one)
            if at is not None and consent.at is not None and consent.at > at:
                contradicted.append((contact_id, consent.channel.value))
    if not comparing:
        _forget(contradicted)
    return left


def _is_echo(consent: ConsentReading, written_at: datetime | None) -> bool:
    """``written_at`` None: it is on its way, or was when we last heard of it."""
    if consent.at is None or written_at is None:
        return True
    return consent.at <= (written_at + SKEW if consent.state in _OPTED_IN else written_at)


def _written(contact_ids: list[int]) -> dict[tuple[int, str], tuple[str | None, str | None, datetime | None]]:
    with connection.cursor() as cursor:
        # Most shops of most imports have told nothing yet.
        cursor.execute("select exists (select from shopify_write_back)")
        if not cursor.fetchone()[0]:
            return {}
        cursor.execute(
            """select contact_id, channel, sending_state, written_state, written_at from shopify_write_back
            where contact_id = any(%s) and (sending_state is not null or written_state is not null)""",
            [contact_ids],
        )
        return {(contact_id, channel): (sending, last, at) for contact_id, channel, sending, last, at in cursor}


def _forget(contradicted: list[tuple[int, str]]) -> None:
    """The store holds another value by now, of somebody else's: the same value later is no echo of ours."""
    if contradicted:
        contacts, channels = zip(*sorted(set(contradicted)), strict=True)
        with connection.cursor() as cursor:
            cursor.execute(
                """update shopify_write_back w set written_state = null
                from unnest(%s::bigint[], %s::text[]) as c (contact_id, channel)
                where w.contact_id = c.contact_id and w.channel = c.channel""",
                [list(contacts), list(channels)],
            )
