"""Inferred consent for SMS (features §6.8), a shop's option: whoever knowingly gave a phone number, and neither refused
nor opted out. Switched back to explicit it is withdrawn from everybody, and until then the gate refuses it.
"""

from __future__ import annotations

from collections.abc import Sequence

from django.db.models import QuerySet
from django.utils import timezone
from procrastinate.contrib.django import app

from sayso.events.models import Event
from sayso.shops.models import Shop
from sayso.shops.tenancy import current_shop_id, shop_context

from . import settings
from .events import Channel, ConsentEvent, State
from .models import ConsentState
from .record import record

LAWFUL = (
    "I am responsible for this shop's messages. Where my customers live, the law allows me to send marketing by SMS to"
    " people who gave me their phone number without ticking a box."
)
"""What an owner confirms before consent is inferred; the very words are kept in the log."""

CHUNK = 10_000
JOB = "consent.follow_option"


def confirmed(shop_id: int, actor_id: str) -> None:
    """Keep that an owner confirmed :data:`LAWFUL`; in the transaction that makes it the shop's option."""
    Event.objects.create(
        shop_id=shop_id, kind="consent.inferred_confirmed", occurred_at=timezone.now(), actor_kind="staff",
        actor_id=actor_id, origin="settings", data={"confirmed": LAWFUL},
    )  # fmt: skip


def switched(shop_id: int) -> None:
    """Queue what a changed option means for the contacts there are; part of the caller's transaction."""
    app.configure_task(JOB, lock=f"{JOB}:{shop_id}").defer(shop_id=shop_id)


def infer(contacts: Sequence[int], *, bulk: bool = False) -> None:
    """Record the inferred consent of those contacts whose number is known and whose box was never ticked; nothing where
    the current shop asks for explicit consent."""
    if _option() == "INFERRED":
        _record("INFERRED", _inferable().filter(contact_id__in=contacts), bulk=bulk)


def _inferable() -> QuerySet[ConsentState]:
    """NOT_SUBSCRIBED says that the platform holds a number of the customer's own; an address's phone gives no state."""
    return ConsentState.objects.filter(sms_state=State.NOT_SUBSCRIBED, sms_address_key__isnull=False)


def _record(event: str, states: QuerySet[ConsentState], *, bulk: bool) -> list[int]:
    contacts = list(states.order_by("contact_id").values_list("contact_id", flat=True)[:CHUNK])
    record(
        (
            ConsentEvent(
                contact_id=contact_id,
                channel=Channel.SMS,
                event=event,
                occurred_at=None,
                source="inferred",
                actor_kind="system",
            )
            for contact_id in contacts
        ),
        bulk=bulk,
        report=False,
    )
    return contacts


def _option() -> str:
    return settings.of(Shop.objects.get(pk=current_shop_id())).consent_option


def follow_option(shop_id: int) -> None:
    """Bring every contact of a shop to its option, a chunk a transaction; begun again it passes over what is done."""
    after = 0
    while True:
        with shop_context(shop_id):
            if _option() == "INFERRED":
                done = _record("INFERRED", _inferable().filter(contact_id__gt=after), bulk=True)
            else:
                held = ConsentState.objects.filter(sms_weak_basis="INFERRED", contact_id__gt=after)
                done = _record("INFERRED_WITHDRAWN", held, bulk=True)
        if not done:
            return
        after = done[-1]
