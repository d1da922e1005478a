"""What a store says about itself: its name, currency, time zone and country, which the shop here takes over."""

from __future__ import annotations

import logging
from collections.abc import Mapping
from typing import Any
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from django.db import connection

from sayso.shops.models import Shop
from sayso.shops.tenancy import shop_context

from ..values import mapping, text
from .tokens import Store

log = logging.getLogger(__name__)


def facts(*, name: str | None, currency: str | None, time_zone: str | None, country: str | None) -> dict[str, str]:
    """Columns of the shop; what the store does not say, or says in a form we cannot hold, is left out. In a transaction."""
    said = {"name": name and name[:255], "currency": currency, "time_zone": time_zone, "country": country}
    lengths = {"currency": 3, "country": 2}
    found = {
        field: value
        for field, value in said.items()
        if value and len(value) <= 255 and len(value) == lengths.get(field, len(value))
    }
    if "time_zone" in found and not _known(found["time_zone"]):
        log.warning("the time zone %.64r is not known here", found.pop("time_zone"))
    return found


def _known(time_zone: str) -> bool:
    """Whether both Python and the database can reckon in it: days are counted by either, and one that neither knows would
    stop the counting."""
    try:
        ZoneInfo(time_zone)
    except (ZoneInfoNotFoundError, ValueError, OSError):
        return False
    with connection.cursor() as cursor:
        cursor.execute("select exists (select from pg_timezone_names where name = %s)", [time_zone])
        return bool(cursor.fetchone()[0])


def of_answer(about: Mapping[str, Any], *, name: str | None = None) -> dict[str, str]:
    """The columns that ``shop`` of GraphQL gives; ``name`` in place of the store's own."""
    return facts(
        name=name or text(about.get("name")),
        currency=text(about.get("currencyCode")),
        time_zone=text(about.get("ianaTimezone")),
        country=text(mapping(about.get("shopAddress")).get("countryCodeV2")),
    )


def look(store: Store) -> None:
    """Ask the store, and take over what changed: ``shop/update`` comes late, in any order or not at all. Raises what the
    store's calls raise."""
    about = mapping(store.graphql.run("shop").get("shop"))
    with shop_context(store.shop_id):
        found = of_answer(about)
        shop = Shop.objects.get(pk=store.shop_id)
        news = {field: value for field, value in found.items() if getattr(shop, field) != value}
        if news:
            Shop.objects.filter(pk=shop.pk).update(**news)
