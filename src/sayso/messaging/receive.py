"""What people write to us, and the switches they turn in WhatsApp."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta

from django.db import connection
from django.utils import timezone

from sayso.channels.whatsapp.types import InboundMessage, Person, PreferenceChange
from sayso.consent import settings
from sayso.consent.events import Channel, ConsentEvent, State
from sayso.consent.models import ConsentState
from sayso.consent.record import record
from sayso.consent.settings import Settings
from sayso.consent.words import is_opt_in, is_opt_out, is_yes, possible_opt_out
from sayso.contacts import addresses
from sayso.contacts.apply import Actor, apply
from sayso.contacts.changes import ContactChange, Profile, Source
from sayso.contacts.models import Contact
from sayso.shops.models import Shop
from sayso.shops.tenancy import current_shop_id

from .buttons import declared
from .models import Message, PossibleOptOut

ON_ITS_WAY = ("SENDING", "SENT", "DELIVERED", "READ", "UNCONFIRMED")
CONFIRM_WITHIN = timedelta(days=7)


def receive(messages: Iterable[InboundMessage], *, sender_id: int | None) -> None:
    """Take inbound messages of the current shop. Needs a transaction with a shop; a message twice is taken once.

    Whoever is unknown becomes a minimal contact without consent. An opt-out counts before anything else reacts; what only
    mentions leaving is put before a person. YES confirms an opt-in that waits for it and does nothing else; a START-like
    word opts in where the shop has chosen such words.
    """
    fresh = _unseen(list(messages))
    if not fresh:
        return
    contacts = people([(message.sender, message.at, True) for message in fresh])
    ids = _keep(fresh, contacts, sender_id)
    chosen = settings.of(Shop.objects.get(pk=current_shop_id()))
    buttons = declared({message.reply_to for message in fresh if message.reply_to and message.kind in BUTTONS})
    waiting = _awaiting_confirmation(contacts)
    numbers = elsewhere([number_of(message.sender) for message in fresh], contacts)
    said = list(_proofs(fresh, contacts))
    possible: list[PossibleOptOut] = []
    for message, contact, message_id, number in zip(fresh, contacts, ids, numbers, strict=True):
        if event := _meaning(message, chosen, buttons.get(message.reply_to or ""), contact in waiting):
            said += from_number(_event(message, contact, *event), number)
        elif word := possible_opt_out(message.text, chosen.opt_out_keywords):
            possible.append(
                PossibleOptOut(shop_id=current_shop_id(), contact_id=contact, message_id=message_id, word=word[:60])
            )
    record(said)
    PossibleOptOut.objects.bulk_create(possible, ignore_conflicts=True)


BUTTONS = frozenset({"button", "interactive"})
"""How Meta names a tap: on a template's quick reply, on an interactive message."""


def _meaning(
    message: InboundMessage, chosen: Settings, labels: frozenset[str] | None, waiting: bool
) -> tuple[str, str] | None:
    """The event and source of a message that says something about consent. ``labels``: the buttons that opt out, where
    the tapped template declares them itself."""
    if message.kind in BUTTONS and labels is not None and message.text is not None:
        # The template's own word counts, for and against; a payload is sayso's own and cannot be mistaken.
        if is_opt_out(None, message.payload) or message.text.strip() in labels:
            return "OPT_OUT", "stop_reply"
    elif is_opt_out(message.text, message.payload, chosen.opt_out_keywords):
        return "OPT_OUT", "stop_reply"
    if waiting and is_yes(message.text):
        return "CONFIRM", "double_opt_in"
    if is_opt_in(message.text, chosen.opt_in_keywords):
        return "OPT_IN", "keyword"
    return None


def _event(message: InboundMessage, contact_id: int, event: str, source: str) -> ConsentEvent:
    return ConsentEvent(
        contact_id=contact_id,
        channel=Channel.WHATSAPP,
        event=event,
        occurred_at=message.at or datetime.now(UTC),
        source=source,
        evidence={"reference": message.id, "text": message.text or "", "payload": message.payload or ""},
    )


def number_of(person: Person) -> str | None:
    """The number (E.164) that a person's WhatsApp id shows; None where there is a user id alone."""
    return f"+{person.wa_id.lstrip('+')}" if person.wa_id else None


def elsewhere(numbers: Sequence[str | None], contacts: Sequence[int]) -> list[str | None]:
    """Of the numbers from which people acted those by which their contact does not go, else None.

    A contact is found by every WhatsApp id it ever had, so that its conversation goes on. The number behind that id may be
    somebody else's in the shop by now, or never have been told to us.
    """
    secret = addresses.shop_secret(current_shop_id())
    keys = dict(Contact.objects.filter(pk__in=set(contacts)).values_list("pk", "phone_key"))
    found: list[str | None] = []
    for number, contact in zip(numbers, contacts, strict=True):
        held = keys.get(contact)
        same = number is None or (held is not None and addresses.phone_key(secret, number) == bytes(held))
        found.append(None if same else number)
    return found


def from_number(event: ConsentEvent, number: str | None) -> list[ConsentEvent]:
    """The event as it counts when it came from ``number``, as :func:`elsewhere` tells it.

    An opt-out holds for the contact and, a second time, for that number and everybody who has it. What gives consent speaks
    for that number alone, which the contact does not go by: the door refuses it, and keeps that it was said.
    """
    if number is None:
        return [event]
    there = replace(event, address=number)
    return [event, there] if event.event == "OPT_OUT" else [there]


def _proofs(fresh: Sequence[InboundMessage], contacts: Sequence[int]) -> Iterator[ConsentEvent]:
    """Who writes from a number that was thought to be none has proven it."""
    invalid = frozenset(
        ConsentState.objects.filter(contact_id__in=set(contacts), whatsapp_state=State.INVALID).values_list(
            "contact_id", flat=True
        )
    )
    for message, contact in zip(fresh, contacts, strict=True):
        if contact in invalid and message.sender.wa_id:
            proof = _event(message, contact, "ADDRESS_PROVEN", "inbound")
            proof.address = number_of(message.sender)
            yield proof


def _awaiting_confirmation(contacts: Sequence[int]) -> frozenset[int]:
    """Those whom we asked: without a question on its way to them a "yes" is an answer to something else, and a number
    that a stranger typed into a form would be confirmed by it."""
    pending = ConsentState.objects.filter(contact_id__in=set(contacts), whatsapp_state=State.PENDING)
    asked = Message.objects.filter(
        contact_id__in=pending.values("contact_id"), purpose="CONFIRMATION", channel=Channel.WHATSAPP,
        status__in=ON_ITS_WAY, sending_at__gte=timezone.now() - CONFIRM_WITHIN,
    )  # fmt: skip
    return frozenset(asked.values_list("contact_id", flat=True))


def _keep(fresh: Sequence[InboundMessage], contacts: list[int], sender_id: int | None) -> list[int]:
    """Make the message rows and their events; answers the ids."""
    moments = [message.at or datetime.now(UTC) for message in fresh]
    with connection.cursor() as cursor:
        cursor.execute(
            """insert into message (shop_id, contact_id, channel, direction, origin, sender_id, body, status, provider_id,
                queued_at, address)
            select %s, u.contact_id, 'whatsapp', 'IN', 'INBOX', %s, u.body, 'RECEIVED', u.provider_id, u.at, u.address
            from unnest(%s::bigint[], %s::text[], %s::text[], %s::timestamptz[], %s::text[])
                as u(contact_id, body, provider_id, at, address)
            returning provider_id, id""",
            [
                current_shop_id(), sender_id, contacts, [message.text or f"[{message.kind}]" for message in fresh],
                [message.id for message in fresh], moments, [number_of(message.sender) for message in fresh],
            ],
        )  # fmt: skip
        ids = dict(cursor.fetchall())
        cursor.execute(
            """insert into event (shop_id, kind, contact_id, occurred_at, actor_kind, origin)
            select %s, 'message.created', u.contact_id, u.at, 'customer', 'whatsapp'
            from unnest(%s::bigint[], %s::timestamptz[]) as u(contact_id, at)""",
            [current_shop_id(), contacts, moments],
        )
    return [ids[message.id] for message in fresh]


def _unseen(messages: list[InboundMessage]) -> list[InboundMessage]:
    """Each provider id once, without those we have. Meta delivers again for days."""
    by_id = {message.id: message for message in messages}
    with connection.cursor() as cursor:
        cursor.execute("select provider_id from message where provider_id = any(%s)", [list(by_id)])
        for (known,) in cursor.fetchall():
            by_id.pop(known, None)
    return list(by_id.values())


def people(seen: Sequence[tuple[Person, datetime | None, bool]]) -> list[int]:
    """The contact of each person, made where there is none; each with when they were seen, and whether they wrote then."""
    changes = []
    for person, at, wrote in seen:
        phone = number_of(person)
        first, _, last = (person.name or "").partition(" ")
        changes.append(
            ContactChange(
                source=Source.INBOUND,
                at=at,
                wa_id=person.wa_id,
                bsuid=person.bsuid,
                profile=Profile(first_name=first or None, last_name=last or None, phone=phone),
                fields=frozenset(),  # finds a contact and fills a new one; what the shop says of a known one stands
                message_received_at=at if wrote else None,
            )
        )
    return [applied.contact_id for applied in apply(changes, actor=Actor("customer"))]


PREFERENCES = {"stop": "OPT_OUT", "resume": "RESUME"}
"""Meta's word → our event. Other words have no effect."""


def prefer(changes: Iterable[PreferenceChange]) -> None:
    """Take what people chose with WhatsApp's own switch for marketing messages."""
    meant = [change for change in changes if change.value in PREFERENCES]
    contacts = people([(change.person, change.at, False) for change in meant])
    numbers = elsewhere([number_of(change.person) for change in meant], contacts)
    record(
        event
        for change, contact, number in zip(meant, contacts, numbers, strict=True)
        for event in from_number(
            ConsentEvent(
                contact_id=contact,
                channel=Channel.WHATSAPP,
                event=PREFERENCES[change.value],
                occurred_at=change.at,
                source="meta_user_preferences",
                evidence={"detail": change.detail or ""},
            ),
            number,
        )
    )
