"""What every page's shell shows."""

from __future__ import annotations

from typing import Any

from django.db import connection
from django.http import HttpRequest
from django.utils.functional import SimpleLazyObject

from sayso.shopify import health
from sayso.shops.models import Membership, Shop


def shell(request: HttpRequest) -> dict[str, Any]:
    return {
        "shop": getattr(request, "shop", None),
        "role": getattr(request, "role", None),
        "shops": SimpleLazyObject(lambda: _shops(request)),
        "sync_troubles": SimpleLazyObject(lambda: _troubles(request)),
    }


def _troubles(request: HttpRequest) -> list[health.Trouble]:
    """What keeps the store's data from being current; asked for where the middleware has entered the shop."""
    shop = getattr(request, "shop", None)
    return [] if shop is None or not connection.in_atomic_block else health.troubles(shop.pk)


def _shops(request: HttpRequest) -> list[Shop]:
    """The shops the user may switch to."""
    user = getattr(request, "user", None)
    if user is None or not user.is_authenticated:
        return []
    shops = Shop.objects.order_by("name")
    if not user.is_platform_owner:
        shops = shops.filter(pk__in=Membership.objects.filter(user=user).values("shop_id"))
    return list(shops.only("id", "name", "domain", "is_sandbox"))
