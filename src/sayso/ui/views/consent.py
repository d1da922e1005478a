"""Audience → Consent and Settings → Consent rules: the ledger and the table, read-only."""

from __future__ import annotations

from collections.abc import Collection

from django.http import HttpResponse
from django.shortcuts import render
from django.views.decorators.http import require_GET

from sayso.consent import queries
from sayso.consent.events import Channel, State
from sayso.consent.transitions import events
from sayso.shops.pages import Request, page
from sayso.ui import words
from sayso.ui.requests import number

PAGE = 50


@require_GET
@page("consent.view")
def ledger(request: Request) -> HttpResponse:
    allowed: dict[str, Collection[str]] = {
        "channel": set(Channel),
        "outcome": set(words.OUTCOME),
        "event": set(events()),
    }
    chosen = {name: request.GET.get(name, "") for name in allowed}
    chosen = {name: value if value in allowed[name] else "" for name, value in chosen.items()}
    before = number(request.GET, "before")
    entries = queries.ledger(**chosen, before=before, limit=PAGE + 1)
    context = {
        "entries": entries[:PAGE],
        "older": entries[PAGE - 1].pk if len(entries) > PAGE else None,
        "paged": before is not None,
        "chosen": chosen,
        "channels": words.CHANNELS,
        "outcomes": words.OUTCOME,
        "events": sorted(events()),
    }
    return render(request, "consent/ledger.html", context)


@require_GET
@page("settings.view")
def rules(request: Request) -> HttpResponse:
    context = {
        "rules": queries.rules(),
        "states": [state.value for state in State],  # the order of the cells
        "meanings": words.CONSENT_MEANING,
        "refusals": words.REFUSALS,
    }
    return render(request, "consent/rules.html", context)
