"""Sync → Deliveries: what came, what became of it, and what is parked. The table has no policy: each question names
the shop."""

from __future__ import annotations

import json
from datetime import datetime
from typing import Any

from django.contrib import messages
from django.http import Http404, HttpResponse
from django.shortcuts import redirect, render
from django.utils import timezone
from django.views.decorators.http import require_GET, require_http_methods, require_POST

from sayso.contacts import addresses
from sayso.contacts.models import Contact
from sayso.contacts.phones import normalise
from sayso.events.models import Event
from sayso.intake import queries, registry
from sayso.intake.models import Delivery
from sayso.intake.replay import replay
from sayso.shops.models import Shop
from sayso.shops.pages import Request, page
from sayso.ui.requests import number as number_in
from sayso.ui.requests import number_of, words

PAGE = 50
LONGEST = 200_000  # characters of a payload that are shown
OF_SHOPIFY = ("customer", "orders", "order", "products", "checkouts", "collections", "segments", "inventory_levels")


@require_GET
@page("shopify.view")
def index(request: Request) -> HttpResponse:
    """Newest first; by state, topic, and whom or what they are about."""
    asked = request.GET
    state = asked.get("state", "") if asked.get("state", "") in Delivery.State.values else ""
    kind = words(asked, "topic", 200)
    provider, _, topic = kind.partition(":")
    text, contact = words(asked, "q", 200), number_in(asked, "contact")
    keys: list[str] | None = None
    number = None
    if text:
        keys, number = _keys_of_text(request.shop, text)
    if contact is not None:
        keys = [*(keys or ()), *_keys_of_contact(request.shop, contact)]
    before = _position(asked.get("before", ""))
    found = queries.search(
        request.shop.pk, state=state, provider=provider, topic=topic, keys=keys, number=number, before=before,
        limit=PAGE + 1,
    )  # fmt: skip
    last = found[PAGE - 1] if len(found) > PAGE else None
    context = {
        "tab": "deliveries",
        "deliveries": found[:PAGE],
        "older": f"{last.received_at.isoformat()}~{last.pk}" if last else None,
        "paged": before is not None,
        "state": state,
        "states": Delivery.State.values,
        "topic": kind,
        "topics": registry.topics(),
        "q": text,
        "contact": contact,
        "filtered": bool(state or provider or text or contact is not None),
    }
    return render(request, "ui/sync/deliveries.html", context)


def _keys_of_text(shop: Shop, text: str) -> tuple[list[str], int | None]:
    """Under which keys a delivery may be meant: an id of Shopify or ours, a delivery id, an e-mail address, a number."""
    if text.startswith("gid://"):
        text = text.rpartition("/")[2]
    if text.isascii() and text.isdigit():
        return [text, *(f"{kind}:{text}" for kind in OF_SHOPIFY)], int(text) if int(text) < 2**62 else None
    secret = addresses.shop_secret(shop.pk)
    if "@" in text:
        return [f"email:{addresses.email_key(secret, text).hex()}"], None
    phone = normalise(text, shop.country).e164
    found = [addresses.subject_key(secret, "".join(filter(str.isdigit, phone)))] if phone else []
    return [text, *found], None


def _keys_of_contact(shop: Shop, contact_id: int) -> list[str]:
    """What deliveries about a contact carry: the customer's id, its addresses."""
    contact = Contact.objects.filter(pk=contact_id).first()
    if contact is None:
        return []
    found = [f"customer:{contact.shopify_customer_id}"] if contact.shopify_customer_id else []
    for address in (contact.email, contact.phone):
        if address:
            found += [key for key in _keys_of_text(shop, address)[0] if ":" in key]
    return found


def _position(before: str) -> tuple[datetime, int] | None:
    at, _, number = before.partition("~")
    try:
        moment = datetime.fromisoformat(at)
    except ValueError:
        return None
    found = number_of(number)
    return (moment, found) if found is not None and moment.tzinfo else None


@require_http_methods(["GET", "POST"])
@page("shopify.view", change="deliveries.view")
def one(request: Request, delivery_id: int) -> HttpResponse:
    """A delivery's way. Asked for with POST, what it says as well: that is personal data, so it is an event."""
    delivery = queries.one(request.shop.pk, delivery_id)
    if delivery is None:
        raise Http404("There is no such delivery in this shop.")
    context: dict[str, Any] = {"tab": "deliveries", "delivery": delivery, "size": len(delivery.body)}
    if request.method == "POST":
        _tell(request, "delivery.opened", {"delivery": delivery.pk, "topic": delivery.topic})
        context["payload"] = _readable(bytes(delivery.body))
    return render(request, "ui/sync/delivery.html", context)


def _readable(body: bytes) -> str:
    """The body as people read it: indented where it is JSON."""
    text = body.decode("utf-8", "replace")
    try:
        text = json.dumps(json.loads(text), indent=2, ensure_ascii=False)
    except ValueError:
        pass  # as it came; that it is no JSON is what somebody wants to see
    return text if len(text) <= LONGEST else f"{text[:LONGEST]}\n… {len(text) - LONGEST:,} more characters"


@require_GET
@page("shopify.view")
def parked(request: Request) -> HttpResponse:
    """What failed too often, by kind, and one by one."""
    context = {
        "tab": "parked",
        "kinds": queries.parked_kinds(request.shop.pk),
        "deliveries": list(queries.parked(request.shop.pk)[:PAGE]),
        "page_size": PAGE,
    }
    return render(request, "ui/sync/parked.html", context)


@require_POST
@page("shopify.edit")
def again(request: Request) -> HttpResponse:
    """Try parked deliveries again as they are: one, all of a kind, or all."""
    asked = request.POST
    ids = [number for text in asked.getlist("delivery") if (number := number_of(text)) is not None]
    which: dict[str, Any] = {}
    if ids:
        which = {"deliveries": ids}
        count = replay(request.shop.pk, ids)
    elif asked.get("topic"):
        provider, topic, error = (words(asked, name, 2000) for name in ("provider", "topic", "error"))
        which = {"provider": provider, "topic": topic, "error": error}
        count = replay(request.shop.pk, provider=provider, topic=topic, error=error)
    elif asked.get("all") == "1":
        count = replay(request.shop.pk)
    else:
        messages.error(request, "Choose what is to be tried again.")
        return redirect("parked")
    if count:
        _tell(request, "delivery.replayed", {"count": count, **which})
        messages.success(request, f"{count:,} deliver{'y is' if count == 1 else 'ies are'} tried again now.")
    else:
        messages.info(request, "Nothing of that is parked any more.")
    return redirect("parked")


def _tell(request: Request, kind: str, data: dict[str, Any]) -> None:
    Event.objects.create(
        shop_id=request.shop.pk, kind=kind, occurred_at=timezone.now(), actor_kind="staff",
        actor_id=str(request.user.pk), origin="sync", data=data,
    )  # fmt: skip
