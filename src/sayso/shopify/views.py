"""Settings → Shopify: the connection, how fresh its data is, imports; and connecting a store."""

from __future__ import annotations

from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.views.decorators.http import require_GET, require_http_methods

from sayso.shops.pages import page, sign_in_first
from sayso.shops.roles import may

from . import queries
from .forms import ConnectForm


@require_GET
@page("settings.view")
def overview(request: HttpRequest) -> HttpResponse:
    imports = queries.imports()
    context = {
        "connections": queries.connections(),
        "freshness": queries.freshness(request.shop.pk),
        "imports": imports,
        "running": any(progress.running for progress in imports),
    }
    return render(request, "shopify/page.html", context)


@require_http_methods(["GET", "POST"])
def connect(request: HttpRequest) -> HttpResponse:
    """Connect a store; also where everybody lands who is in no shop yet."""
    if not request.user.is_authenticated:
        return sign_in_first(request)
    allowed = request.user.is_platform_owner or may(request.role, "shopify.edit")
    form = ConnectForm(request.POST or None)
    return render(request, "shopify/connect.html", {"form": form, "allowed": allowed})
