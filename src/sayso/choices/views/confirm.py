"""``/c/<token>``: confirming an opt-in. Opening the link shows a button; only pressing it confirms, so no scanner does."""

from __future__ import annotations

from django.http import HttpRequest, HttpResponse
from django.utils import timezone
from django.views.decorators.csrf import csrf_exempt
from django.views.decorators.http import require_http_methods

from sayso.consent.events import PHONE_CHANNELS, ConsentEvent, State
from sayso.consent.models import ConsentState
from sayso.consent.record import record
from sayso.contacts.models import Contact
from sayso.shops.tenancy import shop_context

from .. import public, texts
from ..tokens import CONFIRM_WITHIN, Confirmation, Refused, address_mark, read_confirmation

WAITING = "waiting"


@csrf_exempt  # the token in the address is the only authority
@require_http_methods(["GET", "HEAD", "POST"])
def confirm(request: HttpRequest, token: str) -> HttpResponse:
    try:
        asked = read_confirmation(token)
    except Refused:
        return public.neutral(request, "broken", status=404)
    shop = public.live_shop(asked.shop_id)
    if shop is None:
        return public.neutral(request, "broken", status=404)
    with shop_context(shop.pk):
        contact = Contact.objects.filter(pk=asked.contact_id).first()
        if contact is None or contact.redacted_at or contact.deleted_at:
            return public.neutral(request, "nobody", shop)
        words = public.person_words(request, shop, contact.language, contact.locale)
        step = standing(asked)
        if step == WAITING and request.method == "POST":
            step = _record(request, asked, contact, words.tag)
        channel = getattr(words, asked.channel)
        return public.respond(
            request, "confirm.html", shop, words, languages=texts.languages() if step == WAITING else (), step=step,
            channel_name=channel, status=200 if step in (WAITING, "confirmed", "already") else 410,
        )  # fmt: skip


def standing(asked: Confirmation) -> str:
    """Whether the opt-in of a link still waits; else the name of the page that says why not.

    Single use follows from the state: a confirmed opt-in waits no more, and what came after it (a STOP, a newer request,
    another address) is not this opt-in.
    """
    state = ConsentState.objects.filter(contact_id=asked.contact_id).first()
    pending_at = getattr(state, f"{asked.channel}_pending_at", None)
    opt_in_at = getattr(state, f"{asked.channel}_opt_in_at", None)
    if state is None or state.redacted:
        return "not_waiting"
    if address_mark(getattr(state, f"{asked.channel}_address_key")) != asked.address:
        return "not_waiting"
    if pending_at is not None and pending_at > asked.opt_in_at:
        return "newer"
    subscribed = getattr(state, f"{asked.channel}_state") == State.SUBSCRIBED
    if subscribed and opt_in_at is not None and opt_in_at >= asked.opt_in_at:
        return "already"
    if timezone.now() - asked.opt_in_at > CONFIRM_WITHIN:
        return "expired"
    still = pending_at == asked.opt_in_at and getattr(state, f"{asked.channel}_state") == State.PENDING
    return WAITING if still else "not_waiting"


def _record(request: HttpRequest, asked: Confirmation, contact: Contact, language: str) -> str:
    """The door has the last word: an opt-out or another address that came in since :func:`standing` looked wins there. (A
    newer request of the same address would be confirmed in its place.)"""
    outcomes = record(
        [
            ConsentEvent(
                asked.contact_id, asked.channel, "CONFIRM", timezone.now(), "double_opt_in", language=language,
                address=contact.phone if asked.channel in PHONE_CHANNELS else contact.email,
                evidence=public.evidence(request, opt_in_at=asked.opt_in_at.isoformat()),
            )
        ]
    )  # fmt: skip
    own = [one for one in outcomes if one.contact_id == asked.contact_id and one.channel == asked.channel]
    if own and own[-1].to_state == State.SUBSCRIBED:
        return "confirmed" if own[-1].outcome == "ACCEPTED" else "already"
    return "expired" if own and own[-1].refusal_code == "TOKEN_EXPIRED" else "not_waiting"
