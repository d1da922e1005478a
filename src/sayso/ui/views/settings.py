"""Settings → WhatsApp: the numbers and templates, read-only."""

from __future__ import annotations

from django.http import HttpResponse
from django.shortcuts import render
from django.views.decorators.http import require_GET

from sayso.messaging import queries
from sayso.shops.pages import Request, page


@require_GET
@page("settings.view")
def senders(request: Request) -> HttpResponse:
    senders = [sender for sender in queries.senders() if sender.channel == "whatsapp"]
    return render(request, "messaging/senders.html", {"senders": senders, "templates": queries.templates()})
