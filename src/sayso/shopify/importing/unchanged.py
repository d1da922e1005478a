"""Customers of a bulk file of whom nothing is new, found before anything is made of them.

Importing a store again finds most of them so: one look-up each, by what Shopify dated. See :func:`unchanged`.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import NamedTuple

from django.db import connection

from sayso.consent import settings
from sayso.shops.models import Shop
from sayso.shops.tenancy import current_shop_id

from ..consent_values import STATES
from ..types import Customer
from ..values import numeric_id
from ..wire import sms_consent


class Held(NamedTuple):
    """``addressed`` is False where no address could be understood."""

    contact_id: int
    addressed: bool


_SQL = """select number - 1, contact_id, addressed from shopify_unchanged(%s, %s::bigint[], %s::timestamptz[],
    %s::text[], %s::timestamptz[], %s::text[], %s::timestamptz[], %s::text[], %s::timestamptz[])"""


def unchanged(customers: Sequence[Customer]) -> dict[int, Held]:
    """Those who would change and record nothing in the current shop, by position.

    ``customers`` are whole pictures, lines of a bulk file.
    """
    shop = Shop.objects.get(pk=current_shop_id())
    columns = list(zip(*map(_dated, customers), strict=True))
    with connection.cursor() as cursor:
        cursor.execute(_SQL, [shop.pk, *map(_array, columns)])
        found = {number: Held(contact_id, addressed) for number, contact_id, addressed in cursor.fetchall()}
    if settings.of(shop).phone_consent_covers_whatsapp:  # the same word may mean WhatsApp as well by now
        sms = columns[4]
        return {number: held for number, held in found.items() if sms[number] != "SUBSCRIBED"}
    return found


def _dated(customer: Customer) -> tuple[object, ...]:
    """Id, time, and state and time of the consents for WhatsApp, SMS and e-mail, as :func:`..wire.customer` reads them.
    Written flat: it runs once for every imported contact."""
    phone, email, at = customer.default_phone_number, customer.default_email_address, customer.updated_at
    whatsapp = whatsapp_at = sms = sms_at = mail = mail_at = None
    if phone is not None and phone.phone_number:
        consent = phone.whats_app_marketing_consent
        if consent is not None and (whatsapp := STATES.get(consent.state or "")):
            whatsapp_at = consent.updated_at
        consent = sms_consent(phone)
        if sms := STATES.get(consent.state or ""):
            sms_at = consent.updated_at
    if email is not None and email.email_address and (mail := STATES.get(email.marketing_state or "")):
        mail_at = email.marketing_updated_at
    return numeric_id(customer.id), at, whatsapp, whatsapp_at, sms, sms_at, mail, mail_at


def _array(values: Iterable[object]) -> str:
    """A PostgreSQL array of numbers, plain words or times. As text: adapting 40,000 values one by one took longer than
    all else."""
    return "{" + ",".join(["NULL" if value is None else f'"{value}"' for value in values]) + "}"
