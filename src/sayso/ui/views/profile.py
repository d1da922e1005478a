"""One contact: what is known, what they agreed to, what happened."""

from __future__ import annotations

from django.contrib import messages
from django.http import Http404, HttpResponse
from django.shortcuts import redirect, render
from django.views.decorators.http import require_GET, require_POST

from sayso.audience import panels as audience
from sayso.choices import panels as choices
from sayso.commerce import panels as commerce
from sayso.consent import panels as consent_panels
from sayso.consent import queries as consent
from sayso.consent.events import Channel, State
from sayso.contacts import panels as contact_panels
from sayso.contacts import queries as contacts
from sayso.contacts.models import Contact
from sayso.messaging import asked
from sayso.messaging import panels as messaging
from sayso.messaging.views import tell
from sayso.shopify import panels as shopify_panels
from sayso.shops.pages import Request, page
from sayso.ui import activity, merging
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
        "parts": merging.parts(contact_id),
        "inbound": asked.messages_of(contact_id),
    }
    if tab == "information":
        shown = [
            messaging.possible_opt_outs(contact_id),
            consent_panels.profile(
                contact_id,
                number(request.GET, "ledger_before"),
                request.GET.get("at", ""),
                beside=shopify_panels.told_consent(contact_id),
            ),
            choices.profile(contact_id),
            audience.profile(contact),
            commerce.profile(contact_id),
            commerce.checkouts(contact),
            messaging.profile(contact_id),
        ]
        context["panels"] = [one for one in shown if one is not None]
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
    """Record that the person asked, by whatever way, to get no more messages on a channel, and what shows it."""
    contact = _contact(contact_id)
    channel, how = request.POST.get("channel", ""), request.POST.get("how", "").replace("\x00", "").strip()[:2000]
    chosen = number(request.POST, "message")
    shown = next((one for one in asked.messages_of(contact.pk) if one.pk == chosen), None)
    if channel not in set(Channel):
        messages.error(request, "Choose the channel to unsubscribe from.")
    elif shown is None and not how:
        messages.error(request, "Choose the message that shows the request, or write how it was made.")
    else:
        outcomes = asked.opt_out(contact.pk, Channel(channel), actor_id=str(request.user.pk), message=shown, how=how)
        tell(request, contact.pk, outcomes)
    return redirect("profile", contact.pk)


def _contact(contact_id: int) -> Contact:
    contact = contacts.contact(contact_id)
    if contact is None:
        raise Http404(f"No contact {contact_id} in this shop")
    return contact
