"""The store itself: what it is called, that the app left it, that it finished a bulk operation."""

from __future__ import annotations

from django.db import connection

from sayso.intake.models import Delivery
from sayso.intake.registry import handler
from sayso.privacy import requests as privacy
from sayso.shops.models import Shop

from ..connection import about
from ..importing import imports
from ..models import Connection
from ..reading import refetch
from ..values import text
from .reading import payload, sequence


@handler("shopify", "shop/update")
def shop_update(shop_id: int, deliveries: list[Delivery]) -> None:
    """Name, currency, zone and country, as the newest delivery has them."""
    body = payload(max(deliveries, key=sequence))
    facts = about.facts(
        name=text(body.get("name")),
        currency=text(body.get("currency")),
        time_zone=text(body.get("iana_timezone")),
        country=text(body.get("country_code")),
    )
    if facts:
        Shop.objects.filter(pk=shop_id).update(**facts)


@handler("shopify", "app/uninstalled")
def app_uninstalled(shop_id: int, deliveries: list[Delivery]) -> None:
    """The token is worthless from now on. The shop, its secret and its data stay until ``shop/redact``, or for 30 days.

    A late delivery does not undo a connection made after it, which shows that the app is installed again.
    """
    newest = max(delivery.triggered_at or delivery.received_at for delivery in deliveries)
    if Connection.objects.filter(connected_at__gt=newest).exists():
        return
    Shop.objects.filter(pk=shop_id).update(status=Shop.Status.UNINSTALLED)
    Connection.objects.update(
        access_token="",
        expires_at=None,
        refresh_token="",
        refresh_expires_at=None,
        status="DISCONNECTED",
        status_reason="The app was uninstalled from the store.",
    )
    refetch.forget_all()
    # Kept until Shopify says shop/redact, or 30 days.
    erase_on = newest + privacy.AFTER_UNINSTALL
    privacy.erase_shop_on(Shop.objects.get(pk=shop_id), erase_on, origin=privacy.Origin.SYSTEM)


@handler("shopify", "bulk_operations/finish")
def bulk_operations_finish(shop_id: int, deliveries: list[Delivery]) -> None:
    """Wakes the import that waits for it."""
    with connection.cursor() as cursor:
        cursor.execute("select pg_notify(%s, '')", [imports.BELL])
