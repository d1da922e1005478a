"""Reading what the store was told of consent, and what it was not. Runs inside one shop."""

from __future__ import annotations

from dataclasses import dataclass

from django.db.models import Count, Q

from sayso.consent import settings
from sayso.contacts.models import Contact
from sayso.shops.models import Shop
from sayso.shops.tenancy import current_shop_id

from ..models import Connection, WriteBack
from .queue import SCOPE

SHOWN = 20  # refusals


@dataclass(frozen=True)
class Refusal:
    """What the store did not take."""

    row: WriteBack
    contact: str


@dataclass(frozen=True)
class Overview:
    """How telling the store is doing. ``stopped`` says why nothing is told, empty where it is."""

    stopped: str
    waiting: int
    written: int
    failed: int
    refusals: list[Refusal]


def stopped() -> str:
    """Why the store of the current shop is told nothing, in a sentence; empty where it is told."""
    if not settings.of(Shop.objects.get(pk=current_shop_id())).write_back_consent:
        return "Writing back is switched off."
    row = Connection.objects.order_by("id").first()
    if row is None or row.status == "DISCONNECTED":
        return "No store is connected."
    if row.scopes and SCOPE not in row.scopes:
        return f"The app lacks the permission {SCOPE}. Grant it in Shopify and connect the store again; what waits is told then."
    return ""


def overview() -> Overview:
    """Counts, and the newest refusals."""
    counts = WriteBack.objects.aggregate(
        waiting=Count("pk", filter=Q(state__in=["WAITING", "SENDING"])),
        written=Count("pk", filter=Q(written_state__isnull=False)),
        failed=Count("pk", filter=Q(state="FAILED")),
    )
    rows = list(WriteBack.objects.filter(state=WriteBack.State.FAILED).order_by("-settled_at")[:SHOWN])
    people = Contact.objects.in_bulk([row.contact_id for row in rows])
    refusals = [
        Refusal(row, people[row.contact_id].display_name if row.contact_id in people else f"Contact {row.contact_id}")
        for row in rows
    ]
    return Overview(stopped(), **counts, refusals=refusals)


def of_contact(contact_id: int) -> list[WriteBack]:
    """What the store was, or is to be, told of a contact, by channel; what never had anything to tell is left out."""
    rows = WriteBack.objects.filter(contact_id=contact_id).order_by("channel")
    return [row for row in rows if row.state != WriteBack.State.DONE or row.written_state]
