"""Every signed-in request works inside one shop and one transaction."""

from __future__ import annotations

from collections.abc import Callable

from django.db import transaction
from django.http import HttpRequest, HttpResponse

from .models import Membership, Shop
from .roles import Role
from .tenancy import enter_shop


def choose_shop(request: HttpRequest) -> tuple[Shop | None, str | None]:
    """The shop this request works in and the user's role there: the one chosen in the session, else the first."""
    user = request.user
    if not user.is_authenticated:
        return None, None
    if user.is_platform_owner:
        shops = {shop.pk: (shop, Role.OWNER.value) for shop in Shop.objects.order_by("pk")}
    else:
        memberships = Membership.objects.select_related("shop").filter(user=user).order_by("shop_id")
        shops = {membership.shop_id: (membership.shop, membership.role) for membership in memberships}
    if not shops:
        return None, None
    return shops.get(request.session.get("shop_id", 0)) or next(iter(shops.values()))


OUTSIDE = ("/api/", "/f/", "/k/", "/p/", "/u/", "/c/", "/brand/")
"""Addresses that name their shop themselves, by a token or a key: who is signed in makes no difference there."""


class ShopRequest(HttpRequest):
    """What this middleware makes of Django's request. Both are None for somebody without a shop."""

    shop: Shop | None
    role: str | None


class ShopMiddleware:
    """Sets ``request.shop`` and ``request.role`` and opens the transaction that row-level security reads.

    Roles are looked up on every request, so a change takes effect on the next one.
    """

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        self.get_response = get_response

    def __call__(self, request: ShopRequest) -> HttpResponse:
        request.shop, request.role = None, None
        if request.path.startswith(OUTSIDE):
            return self.get_response(request)
        request.shop, request.role = choose_shop(request)
        if request.shop is None:
            return self.get_response(request)
        with transaction.atomic():
            enter_shop(request.shop.pk)
            response = self.get_response(request)
            if response.status_code >= 500:
                transaction.set_rollback(True)
            return response
