"""Customers of a bulk file of whom nothing is new, found before anything is normalised, hashed or staged.

Importing a store again finds most of them so: one look-up each, by what Shopify dated. See :func:`unchanged`.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import datetime

from django.db import connection

from sayso.consent import settings
from sayso.consent.events import Channel, State
from sayso.shops.models import Shop
from sayso.shops.tenancy import current_shop_id

from .consent_values import ConsentReading
from .wire import Reading

_CHANNELS = (Channel.WHATSAPP, Channel.SMS, Channel.EMAIL)
_SQL = """select number - 1, contact_id from shopify_unchanged(%s, %s::bigint[], %s::timestamptz[],
    %s::text[], %s::timestamptz[], %s::text[], %s::timestamptz[], %s::text[], %s::timestamptz[])"""


def unchanged(readings: Sequence[Reading]) -> dict[int, int]:
    """Position → contact id of the readings that would change and record nothing in the current shop.

    ``readings`` are whole pictures as :func:`.wire.customer` makes them of a bulk file. Whoever can be reached neither
    by phone nor by e-mail is not among those answered, for that is counted anew.
    """
    shop = Shop.objects.get(pk=current_shop_id())
    covers = settings.of(shop).phone_consent_covers_whatsapp
    by_channel: list[dict[Channel, ConsentReading]] = [{one.channel: one for one in said} for _, said in readings]
    given: list[str | int] = [
        shop.pk,
        _array(change.shopify_customer_id for change, _ in readings),
        _moments(change.at for change, _ in readings),
    ]
    for channel in _CHANNELS:
        said = [own.get(channel) for own in by_channel]
        given += [
            _array(one.state.value if one else None for one in said),
            _moments(one.at if one else None for one in said),
        ]
    with connection.cursor() as cursor:
        cursor.execute(_SQL, given)
        found: dict[int, int] = dict(cursor.fetchall())
    if covers:  # the same word may mean WhatsApp as well by now
        return {
            number: contact_id
            for number, contact_id in found.items()
            if (sms := by_channel[number].get(Channel.SMS)) is None or sms.state is not State.SUBSCRIBED
        }
    return found


def _array(values: Iterable[object]) -> str:
    """A PostgreSQL array of numbers or plain words. As text: adapting 40,000 values one by one took longer than all else."""
    return "{" + ",".join(["NULL" if value is None else str(value) for value in values]) + "}"


def _moments(values: Iterable[datetime | None]) -> str:
    return "{" + ",".join(["NULL" if value is None else value.isoformat() for value in values]) + "}"
