"""Comparing with Shopify: asking for it, and what it found."""

from __future__ import annotations

from django.contrib import messages
from django.http import Http404, HttpResponse
from django.shortcuts import redirect, render
from django.views.decorators.http import require_GET, require_POST

from sayso.shops.pages import Request, page

from . import queries as reconcile_queries
from . import reconcile


@require_POST
@page("shopify.edit")
def start(request: Request) -> HttpResponse:
    """Compare what changed, or with ``full`` everything."""
    full = request.POST.get("full") == "1"
    reconcile.start(request.shop.pk, full=full)
    messages.success(
        request,
        "Everything is compared with Shopify; what differs is mended."
        if full
        else "What changed since the last comparison is compared with Shopify; what differs is mended.",
    )
    return redirect("shopify")


@require_GET
@page("settings.view")
def report(request: Request, run_id: int) -> HttpResponse:
    """What one run found."""
    found = reconcile_queries.one(run_id)
    if found is None:
        raise Http404
    after = request.GET.get("after", "")
    rows, more = reconcile_queries.findings(run_id, after=int(after) if after.isdecimal() and len(after) < 19 else 0)
    context = {"reconciliation": found, "rows": rows, "more": more, "after": after}
    return render(request, "shopify/reconciliation.html", context)
