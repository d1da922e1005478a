"""Audience → Contacts."""

from __future__ import annotations

from django.http import HttpResponse
from django.shortcuts import render
from django.utils.cache import patch_vary_headers
from django.views.decorators.http import require_GET

from sayso.consent.events import Channel, State
from sayso.contacts.queries import suggested_tags
from sayso.shops.pages import Request, page
from sayso.ui import contact_list, words


@require_GET
@page("contacts.view")
def index(request: Request) -> HttpResponse:
    """The list; a part of the page (typing in the search field, a live update) gets the results alone."""
    filters = contact_list.Filters.read(request.GET, primary_channel(request))
    part = request.htmx and not request.htmx.history_restore_request
    context = {
        "filters": filters,
        "list": contact_list.fetch(request.shop.pk, filters),
        "views": contact_list.VIEWS,
        "channels": words.CHANNELS,
        "part": part,
    }
    if not part:
        context["channel_choices"] = [(channel.value, words.CHANNELS[channel]) for channel in Channel]
        context["state_choices"] = [(state.value, words.CONSENT[state][0]) for state in State]
        context["tag_choices"] = suggested_tags()
    response = render(request, "ui/contacts/results.html" if part else "ui/contacts/index.html", context)
    patch_vary_headers(response, ("HX-Request",))
    return response


def primary_channel(request: Request) -> str:
    """The channel whose state stands for the whole contact."""
    chosen = request.shop.settings.get("primary_channel")
    return chosen if chosen in set(Channel) else Channel.WHATSAPP.value
