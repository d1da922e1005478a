"""Erasing a person (GDPR Art. 17, features §7.2): the ledger says REDACT, every address is suppressed, then each room
scrubs what it declared. One transaction: a person is erased or is not."""

from __future__ import annotations

from collections.abc import Sequence

from django.utils import timezone

from sayso.consent.events import Channel, ConsentEvent
from sayso.consent.record import record
from sayso.contacts import merge
from sayso.contacts.apply import Actor, apply
from sayso.contacts.changes import ContactChange, Source
from sayso.events.models import Event
from sayso.shops import personal
from sayso.shops.personal import Subject

from . import packages, people
from .models import PrivacyRequest
from .people import Named
from .rows import call


def carry_out(request: PrivacyRequest) -> dict[str, int]:
    """Erase whom a claimed request names; answers how many rows of each holding changed, and of how many contacts.

    Needs the shop's transaction. Nobody found is an answer too: the addresses are suppressed all the same, and a customer
    id leaves a shell, so that what was delivered in the wrong order does not bring the person back.
    """
    shop, named = people.current_shop(), Named.from_json(request.subject)
    ids = merge.whole_person(request.contact_ids) or people.find(named, shop)
    if not ids and named.customer_id:
        ids = [_shell(named.customer_id)]
    _record(request, ids)  # holds the contacts from here on: nobody changes an address meanwhile
    whom = people.subject(ids, named, shop, request_id=request.pk)
    request.contact_ids, request.subject_keys = ids, list(whom.subject_keys)
    request.save(update_fields=["contact_ids", "subject_keys"])
    return _erase(request, whom)


def _erase(request: PrivacyRequest, whom: Subject) -> dict[str, int]:
    counts = {
        "contacts": len(whom.contact_ids),
        "addresses": call("privacy_suppress", request.pk, list(whom.address_keys)),
    }
    if gone := packages.forget(whom.contact_ids):
        counts["access_packages"] = gone
    for holding in personal.holdings():
        if holding.scrub is not None:
            counts[holding.name] = holding.scrub(whom)
    Event.objects.bulk_create(
        Event(
            shop_id=request.shop_id, kind="contact.redacted", contact_id=contact_id, occurred_at=timezone.now(),
            actor_kind=request.actor_kind, actor_id=request.actor_id, origin="privacy", data={"request": request.pk},
        )
        for contact_id in whom.contact_ids
    )  # fmt: skip
    return counts


def _record(request: PrivacyRequest, contact_ids: Sequence[int]) -> None:
    """REDACT on every channel, while the contact still has its addresses: the entries then carry their keys."""
    now = timezone.now()
    record(
        (
            ConsentEvent(contact_id, channel, "REDACT", now, "redaction", actor_kind=request.actor_kind)
            for contact_id in contact_ids
            for channel in Channel
        ),
        report=False,
    )


def _shell(customer_id: int) -> int:
    """A contact without anything: what the store says of this customer later finds it, and changes nothing."""
    [made] = apply(
        [ContactChange(source=Source.SHOPIFY, shopify_customer_id=customer_id)], actor=Actor("system", "privacy")
    )
    return made.contact_id
