"""Settings → Shopify: the connection, how fresh its data is, imports; and connecting a store."""

from __future__ import annotations

from django.conf import settings
from django.contrib import messages
from django.http import HttpResponse
from django.shortcuts import redirect, render
from django.views.decorators.http import require_GET, require_http_methods, require_POST

from sayso.shops.models import Membership, Shop
from sayso.shops.pages import Request, page, sign_in_first
from sayso.shops.roles import Role, may

from . import imports, queries, subscriptions
from .client import ShopifyError
from .connect import ConnectError
from .connect import connect as connect_store
from .forms import ConnectForm


@require_GET
@page("settings.view")
def overview(request: Request) -> HttpResponse:
    imports = queries.imports()
    context = {
        "connections": queries.connections(),
        "scopes": SCOPES,
        "freshness": queries.freshness(request.shop.pk),
        "imports": imports,
        "running": any(progress.running for progress in imports),
    }
    return render(request, "shopify/page.html", context)


SCOPES = ("read_customers", "write_customers", "read_orders", "read_all_orders", "read_customer_merge")
"""What the app in Shopify needs to be allowed; without one, exactly its features stay off (features §8.1)."""


@require_http_methods(["GET", "POST"])
def connect(request: Request) -> HttpResponse:
    """Connect a store; also where everybody lands who is in no shop yet."""
    if not request.user.is_authenticated:
        return sign_in_first(request)
    allowed = request.user.is_platform_owner or may(request.role, "shopify.edit")
    form = ConnectForm(request.POST if allowed and request.method == "POST" else None)
    if form.is_bound and form.is_valid():
        try:
            shop = connect_store(**form.cleaned_data)
        except ConnectError as trouble:
            form.add_error(None, str(trouble))
        else:
            _let_in(request, shop)
            imports.start(shop.pk)
            try:
                subscriptions.ensure(shop.pk, settings.PUBLIC_URL)
            except ShopifyError as trouble:
                messages.warning(request, f"Live changes are not subscribed to yet; tried again every hour. {trouble}")
            return redirect("shopify")
    return render(request, "shopify/connect.html", {"form": form, "allowed": allowed, "scopes": SCOPES})


@require_POST
@page("shopify.edit")
def import_again(request: Request) -> HttpResponse:
    """Read everything from the store once more. What is unchanged stays as it is."""
    imports.start(request.shop.pk)
    messages.success(request, "The import is queued. What is unchanged stays as it is.")
    return redirect("shopify")


def _let_in(request: Request, shop: Shop) -> None:
    """Work in the new shop from now on, as its owner."""
    if not request.user.is_platform_owner:
        Membership.objects.get_or_create(user=request.user, shop=shop, defaults={"role": Role.OWNER})
    request.session["shop_id"] = shop.pk
    messages.success(request, f"{shop.name} is connected.")
