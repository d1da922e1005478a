"""Audience → Consent → Ledger: every entry, and one entry with its proof."""

from __future__ import annotations

import json
import re
from collections.abc import Collection

from django.http import Http404, HttpResponse, QueryDict
from django.shortcuts import render
from django.views.decorators.http import require_GET

from sayso.consent import queries, telling
from sayso.consent.events import Channel, State
from sayso.consent.transitions import events
from sayso.shops.pages import Request, page
from sayso.ui import periods, words
from sayso.ui.requests import number

PAGE = 50
SOURCE, CODE = re.compile(r"[a-z0-9_]{1,32}"), re.compile(r"[A-Z0-9_]{1,32}")


@require_GET
@page("consent.view")
def ledger(request: Request) -> HttpResponse:
    """The ledger, newest first; a filter that names nothing we know is left out."""
    chosen = _chosen(request.GET)
    contact_id, before = number(request.GET, "contact"), number(request.GET, "before")
    period = chosen["period"]
    wanted = queries.LedgerFilter(
        **{name: value for name, value in chosen.items() if name != "period"},
        since=periods.start_of(period) if period else None,
        contact_id=contact_id,
    )
    entries = queries.ledger(wanted, before=before, limit=PAGE + 1)
    context = {
        "tab": "ledger",
        "entries": entries[:PAGE],
        "older": entries[PAGE - 1].pk if len(entries) > PAGE else None,
        "paged": before is not None,
        "chosen": chosen,
        "contact_id": contact_id,
        "filtered": bool(contact_id or any(chosen.values())),
        "choices": _choices(chosen),
    }
    return render(request, "consent/ledger.html", context)


def _chosen(query: QueryDict) -> dict[str, str]:
    """What the address asks for. Sources and codes grow with every room, so any that could be one is taken."""
    allowed: dict[str, Collection[str]] = {
        "state": set(State),
        "outcome": set(words.OUTCOME),
        "channel": set(Channel),
        "event": events(),
        "period": set(periods.PERIODS),
    }
    shaped = {"source": SOURCE, "code": CODE}
    asked = {name: query.get(name, "") for name in allowed} | {name: query.get(name, "") for name in shaped}
    return {
        name: value if (value in allowed[name] if name in allowed else shaped[name].fullmatch(value)) else ""
        for name, value in asked.items()
    }


def _choices(chosen: dict[str, str]) -> list[tuple[str, str, str, list[tuple[str, str]]]]:
    """(parameter, label, "any", its values and their words), in the order of the page."""

    def sorted_words(table: dict[str, str], values: Collection[str]) -> list[tuple[str, str]]:
        return sorted(((value, table.get(value) or words.sentence(value)) for value in values), key=lambda one: one[1])

    return [
        ("period", "Period", "All time", [(key, f"Last {name}") for key, (name, _) in periods.PERIODS.items()]),
        ("channel", "Channel", "Every channel", list(words.CHANNELS.items())),
        ("outcome", "Outcome", "Every outcome", list(words.OUTCOME_WORDS.items())),
        ("state", "State afterwards", "Every state", list(words.CONSENT_WORDS.items())),
        ("event", "Event", "Every event", sorted_words(words.CONSENT_EVENTS, events())),
        ("source", "Source", "Every source", sorted_words(words.SOURCES, {*words.SOURCES, chosen["source"]} - {""})),
        (
            "code",
            "Reason for refusal",
            "Every reason",
            [(code, words.sentence(code)) for code in sorted({*words.REFUSALS, chosen["code"]} - {""})],
        ),
    ]


@require_GET
@page("consent.view")
def entry(request: Request, entry_id: int) -> HttpResponse:
    """One entry as it was sealed: its text, its hash checked anew, its neighbours in the chain, its evidence."""
    found = queries.entry(entry_id)
    if found is None:
        raise Http404(f"No ledger entry {entry_id} in this shop")
    before, after = queries.neighbours(found)
    [told] = telling.tell([found])
    linked = (bytes(before.hash) if before else None) == (bytes(found.prev_hash) if found.prev_hash else None)
    context = {
        "tab": "ledger",
        "told": told,
        "entry": found,
        "before": before,
        "after": after,
        "intact": telling.intact(found),
        "linked": linked,
        "pretty": json.dumps(json.loads(found.entry), indent=2, ensure_ascii=False),
    }
    return render(request, "consent/entry.html", context)
