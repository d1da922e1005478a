"""Requests to be left alone that a person of the team recognises: made in words, by telephone, at the counter.

The evidence is the message that shows it, or how it was said; and always who recorded it.
"""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

from django.db.models import Exists, OuterRef

from sayso.consent.events import PHONE_CHANNELS, Channel, ConsentEvent, Outcome, State
from sayso.consent.models import ConsentState
from sayso.consent.record import record

from .models import Message, PossibleOptOut
from .receive import elsewhere, from_number

OFFERED = 20  # newest messages to choose from


def messages_of(contact_id: int) -> list[Message]:
    """The messages from the contact that may show the request, newest first."""
    return list(Message.objects.filter(contact_id=contact_id, direction="IN").order_by("-queued_at", "-id")[:OFFERED])


def opt_out(
    contact_id: int, channel: Channel, *, actor_id: str, message: Message | None = None, how: str = ""
) -> list[Outcome]:
    """Record that the contact asked for no more marketing on ``channel``; both phone channels stop together.

    With a ``message`` the person asked when they wrote it: an opt-in of their own since then stands. Else they asked
    now, and ``how`` says how. Raises ValueError without either, and for a message of somebody else.
    """
    if message is None and not how.strip():
        raise ValueError("a request needs the message that shows it, or how it was made")
    if message is not None and (message.contact_id != contact_id or message.direction != "IN"):
        raise ValueError(f"message {message.pk} is not from contact {contact_id}")
    evidence: dict[str, Any] = {"actor_id": actor_id}
    if message is not None:
        evidence |= {"message_id": message.pk, "text": message.body or ""}
        evidence |= {"reference": message.provider_id} if message.provider_id else {}
    if how.strip():
        evidence["source_text"] = how.strip()
    asked = ConsentEvent(
        contact_id=contact_id,
        channel=channel,
        event="OPT_OUT",
        occurred_at=message.queued_at if message else datetime.now(UTC),
        source="staff",
        actor_kind="staff",
        evidence=evidence,
    )
    came_from = message.address if message is not None and channel in PHONE_CHANNELS else None
    [number] = elsewhere([came_from], [contact_id])
    return record(from_number(asked, number))


def possible(contact_id: int) -> list[tuple[PossibleOptOut, Message]]:
    """What is still to be decided, newest first; nothing once the contact has left that channel."""
    left = ConsentState.objects.filter(
        contact_id=OuterRef("contact_id"), whatsapp_state__in=[State.UNSUBSCRIBED, State.REDACTED]
    )
    found = (
        PossibleOptOut.objects.filter(contact_id=contact_id, decision=None).exclude(Exists(left)).order_by("-id")[:5]
    )
    messages = Message.objects.in_bulk([one.message_id for one in found])
    return [(one, messages[one.message_id]) for one in found]


def decide(one: PossibleOptOut, decision: PossibleOptOut.Decision, *, actor_id: str) -> list[Outcome]:
    """Settle a possible opt-out: record it, or note that it was none. Deciding again changes nothing."""
    taken = PossibleOptOut.objects.filter(pk=one.pk, decision=None).update(
        decision=decision, decided_at=datetime.now(UTC), decided_by=actor_id
    )
    if not taken or decision != PossibleOptOut.Decision.OPT_OUT:
        return []
    message = Message.objects.get(pk=one.message_id)
    return opt_out(one.contact_id, Channel(message.channel), actor_id=actor_id, message=message)
