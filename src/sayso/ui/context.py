"""What every page's shell shows."""

from __future__ import annotations

from typing import Any

from django.http import HttpRequest
from django.utils.functional import SimpleLazyObject

from sayso.shops.models import Membership, Shop


def shell(request: HttpRequest) -> dict[str, Any]:
    return {
        "shop": getattr(request, "shop", None),
        "role": getattr(request, "role", None),
        "shops": SimpleLazyObject(lambda: _shops(request)),
    }


def _shops(request: HttpRequest) -> list[Shop]:
    """The shops the user may switch to."""
    user = getattr(request, "user", None)
    if user is None or not user.is_authenticated:
        return []
    shops = Shop.objects.order_by("name")
    if not user.is_platform_owner:
        shops = shops.filter(pk__in=Membership.objects.filter(user=user).values("shop_id"))
    return list(shops.only("id", "name", "domain", "is_sandbox"))
