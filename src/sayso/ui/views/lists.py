"""Audience → Lists: the groups of the shop, and who is in one."""

from __future__ import annotations

from dataclasses import replace

from django.contrib import messages
from django.http import Http404, HttpResponse
from django.shortcuts import redirect, render
from django.views.decorators.http import require_GET, require_POST

from sayso.audience import queries
from sayso.audience.models import Group
from sayso.audience.settings import set_sync_groups, sync_groups
from sayso.shopify import groups as shopify_groups
from sayso.shops.pages import Request, page
from sayso.ui import contact_list, words
from sayso.ui.requests import number
from sayso.ui.views.contacts import primary_channel

PAGES = 10_000
CHIPS = {
    "": "All",
    Group.Kind.SHOPIFY_SEGMENT.value: "Segments",
    Group.Kind.SHOPIFY_TAG.value: "Tags",
    Group.Kind.SHOPIFY_GUESTS.value: "Guests",
    queries.GONE: "Gone in Shopify",
}


@require_GET
@page("lists.view")
def index(request: Request) -> HttpResponse:
    """All groups, by kind and name."""
    kind = request.GET.get("kind", "")
    kind = kind if kind in CHIPS else ""
    text = request.GET.get("q", "").replace("\x00", "").strip()[:100]
    at = min(max(number(request.GET, "page") or 1, 1), PAGES)
    context = {
        "found": queries.find(text=text, kind=kind, page=at),
        "chips": CHIPS,
        "kind": kind,
        "q": text,
        "at": at,
        "kept": sync_groups(request.shop),
        "live": shopify_groups.live(request.shop),
        "comparison": shopify_groups.latest_comparison(),
        "connected": shopify_groups.connected(),
    }
    return render(request, "ui/lists/index.html", context)


@require_GET
@page("lists.view")
def detail(request: Request, group_id: int) -> HttpResponse:
    """A group and its members; a part of the page (typing in the search field) gets the members alone."""
    group = queries.group(group_id)
    if group is None:
        raise Http404(f"No list {group_id} in this shop")
    asked = contact_list.Filters.read(request.GET, primary_channel(request))
    filters = replace(asked, group=group, view="", tags=())
    part = request.htmx and not request.htmx.history_restore_request
    context = {
        "group": group,
        "filters": filters,
        "list": contact_list.fetch(request.shop.pk, filters),
        "channels": words.CHANNELS,
        "kept": sync_groups(request.shop),
        "live": shopify_groups.live(request.shop),
        "part": part,
    }
    return render(request, "ui/lists/members.html" if part else "ui/lists/detail.html", context)


@require_POST
@page("settings.edit")
def keep(request: Request) -> HttpResponse:
    """Switch on or off that Shopify's segments and tags become groups here."""
    on = request.POST.get("on") == "yes"
    if set_sync_groups(request.shop, on, actor_id=str(request.user.pk)):
        if on:
            shopify_groups.bring_up_to_date(request.shop.pk)
            messages.success(request, "On. Segments and tags are being read from Shopify now.")
        else:
            messages.success(request, "Off. The groups stay as they are and follow Shopify no more.")
    return redirect("lists")


@require_POST
@page("shopify.edit")
def compare(request: Request) -> HttpResponse:
    """Compare the members of all segments with Shopify, now."""
    if not sync_groups(request.shop):
        messages.error(request, "Groups are switched off; switch them on first.")
    elif not shopify_groups.connected():
        messages.error(request, "No store is connected; connect it under Settings → Shopify.")
    else:
        shopify_groups.bring_up_to_date(request.shop.pk)
        messages.success(request, "The comparison is queued; what differs is mended.")
    return redirect("lists")
