"""One contact: what is known, what they agreed to, what happened."""

from __future__ import annotations

from datetime import UTC, datetime

from django.contrib import messages
from django.http import Http404, HttpResponse
from django.shortcuts import redirect, render
from django.views.decorators.http import require_GET, require_POST

from sayso.choices import panels as choices
from sayso.commerce import panels as commerce
from sayso.consent import panels as consent_panels
from sayso.consent import queries as consent
from sayso.consent.events import Channel, ConsentEvent, State
from sayso.consent.record import record
from sayso.contacts import panels as contact_panels
from sayso.contacts import queries as contacts
from sayso.contacts.models import Contact
from sayso.messaging import panels as messaging
from sayso.shops.pages import Request, page
from sayso.ui import activity, words
from sayso.ui.requests import number
from sayso.ui.views.contacts import primary_channel

CAN_OPT_OUT = {State.SUBSCRIBED, State.PENDING, State.NOT_SUBSCRIBED, State.UNKNOWN, State.INVALID}
"""States in which *Unsubscribe* is offered. Nothing here ever raises a state."""


@require_GET
@page("contacts.view")
def profile(request: Request, contact_id: int) -> HttpResponse:
    contact = _contact(contact_id)
    consents = consent.of_contact(contact_id)
    primary = primary_channel(request)
    tab = "activity" if request.GET.get("tab") == "activity" else "information"
    context = {
        "contact": contact,
        "title": f"Redacted contact {contact.pk}" if contact.redacted_at else contact.display_name,
        "primary": next(one for one in consents if one.channel == primary),
        "may_opt_out": [one for one in consents if one.state in CAN_OPT_OUT],
        "tab": tab,
    }
    if tab == "information":
        context["panels"] = [
            consent_panels.profile(contact_id, number(request.GET, "ledger_before")),
            choices.profile(contact_id),
            commerce.profile(contact_id),
            messaging.profile(contact_id),
        ]
        context["facts"] = contact_panels.profile(contact)
    else:
        context |= _activity(request, contact_id)
    return render(request, "ui/profile/page.html", context)


def _activity(request: Request, contact_id: int) -> dict:
    show = request.GET.get("show", "all")
    show = show if show in activity.SHOWS else "all"
    period = request.GET.get("period", "30")
    period = period if period in activity.PERIODS else "30"
    cursor = request.GET.get("cursor", "")
    entries, following = activity.of_contact(contact_id, show=show, period=period, cursor=cursor)
    return {
        "entries": entries,
        "next": following,
        "cursor": cursor,
        "show": show,
        "period": period,
        "shows": activity.SHOWS,
        "periods": {key: name for key, (name, _) in activity.PERIODS.items()},
    }


@require_POST
@page("consent.unsubscribe")
def unsubscribe(request: Request, contact_id: int) -> HttpResponse:
    """Record that the person asked, by whatever way, to get no more messages on a channel."""
    contact = _contact(contact_id)
    channel = request.POST.get("channel", "")
    if channel not in set(Channel):
        messages.error(request, "Choose the channel to unsubscribe from.")
        return redirect("profile", contact.pk)
    outcomes = record(
        [
            ConsentEvent(
                contact_id=contact.pk,
                channel=Channel(channel),
                event="OPT_OUT",
                occurred_at=datetime.now(UTC),
                source="staff",
                actor_kind="staff",
                evidence={"actor_id": str(request.user.pk)},
            )
        ]
    )
    own = [one for one in outcomes if one.contact_id == contact.pk]
    changed = [words.CHANNELS[one.channel] for one in own if one.to_state == State.UNSUBSCRIBED]
    refused = next((one.refusal_code for one in own if one.refusal_code), None)
    if changed:
        messages.success(request, f"Unsubscribed from {' and '.join(changed)}. Nothing more is sent there.")
    elif refused:
        messages.error(request, words.REFUSALS.get(refused, words.sentence(refused)))
    return redirect("profile", contact.pk)


def _contact(contact_id: int) -> Contact:
    contact = contacts.contact(contact_id)
    if contact is None:
        raise Http404(f"No contact {contact_id} in this shop")
    return contact
