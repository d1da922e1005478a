"""Topics and subscribing as the REST API writes and reads them."""

from __future__ import annotations

import hashlib
import re
from datetime import UTC, datetime
from typing import Annotated, Any

from django.core.cache import cache
from ninja import Router, Schema
from pydantic import AfterValidator, ConfigDict, Field

from sayso.consent.api import ConsentResult, record_all
from sayso.consent.events import PHONE_CHANNELS, Channel, ConsentEvent
from sayso.consent.models import Topic
from sayso.consent.record import record
from sayso.contacts.api import Country, Email, Short, Tag, by_key, email_key, phone_key, read_phone
from sayso.contacts.apply import Actor, apply
from sayso.contacts.changes import ContactChange, Profile, Source, TagChange
from sayso.contacts.models import Contact
from sayso.events.models import Event
from sayso.shops.api import ApiRequest, Id, Problem, Scope, Text, invalid, missing
from sayso.shops.models import Shop

from . import topics as subjects

router = Router(tags=["Consent"])

SAME_WITHIN = 60
"""Seconds in which the same request is taken once."""

FORBIDDEN = re.compile(r"[<>;'\"/\\|^?!,`]")


def _form_type(text: str) -> str:
    if FORBIDDEN.search(text):
        raise ValueError("must not contain < > ; ' \" / \\ | ^ ? ! , or a backtick")
    return text


Key = Annotated[Text, Field(min_length=1, max_length=64)]


class TopicSet(Schema):
    model_config = ConfigDict(extra="forbid")

    key: Key = Field(description="The key of a topic.")
    on: bool
    channel: Channel | None = Field(None, description="Left out: on every channel.")


class TopicsIn(Schema):
    model_config = ConfigDict(extra="forbid")

    topics: Annotated[list[TopicSet], Field(max_length=300)]


class TopicOut(Schema):
    key: str
    title: str
    channel: Channel
    on: bool = Field(description="Whether sends with this topic reach the contact, its consent provided.")
    chosen: bool = Field(description="False where the contact never chose: `on` then is what follows from that.")


class TopicsOut(Schema):
    contact_id: int
    topics: list[TopicOut]


class SubscriberIn(Schema):
    """The person, as they filled in your form."""

    model_config = ConfigDict(extra="forbid")

    email: Email | None = None
    phone: Short | None = Field(None, description="Best in E.164; else it is read in `country`, or in the shop's.")
    first_name: Short | None = None
    last_name: Short | None = None
    locale: Annotated[Text, Field(max_length=35)] | None = Field(None, description="BCP 47: `de-AT`.")
    country: Country | None = Field(None, description="ISO 3166-1 alpha-2.")


class SubscribeIn(Schema):
    model_config = ConfigDict(extra="forbid")

    contact: SubscriberIn
    channels: Annotated[list[Channel], Field(max_length=3)] = Field(
        [],
        description="Those the person ticked. Left out: e-mail where an address is given, and WhatsApp where a number is.",
    )
    groups: Annotated[list[Tag], Field(max_length=50)] = Field([], description="Tags to add.")
    subscriptions: Annotated[list[Key], Field(max_length=100)] = Field([], description="Keys of topics to switch on.")
    form_type: Annotated[Text, Field(max_length=100), AfterValidator(_form_type)] = Field(
        "", description="What your form is called; without `< > ; ' \" / \\ | ^ ? ! ,` and backticks."
    )
    wording: Annotated[Text, Field(max_length=5000)] | None = Field(None, description="What the person agreed to.")


class SubscribeOut(Schema):
    contact_id: int
    created: bool
    consents: list[ConsentResult]


@router.get(
    "/contacts/{contact_id}/topics", response=TopicsOut, auth=Scope("consent.view"), summary="Topics of a contact",
    operation_id="get_topics",
)  # fmt: skip
def get_topics(request: ApiRequest, contact_id: Id) -> dict[str, Any]:
    """Every topic on every channel."""
    _contact(contact_id)
    return _topics_of(contact_id)


@router.put(
    "/contacts/{contact_id}/topics", response=TopicsOut, auth=Scope("contacts.edit"), summary="Choose topics of a contact",
    operation_id="put_topics",
)  # fmt: skip
def put_topics(request: ApiRequest, contact_id: Id, payload: TopicsIn) -> dict[str, Any]:
    """Record what the person chose. Topics that are not named keep their choice. A topic refines consent, it never gives
    any: a contact that did not opt in gets nothing by it. What the person switched off themself, nobody else switches on."""
    if _contact(contact_id).redacted_at:
        raise Problem(409, "The contact was erased on a privacy request; nothing can be recorded.")
    known = set(Topic.objects.values_list("key", flat=True))
    for number, one in enumerate(payload.topics):
        if one.key not in known:
            raise invalid(f"topics.{number}.key", "invalid_reference", f"there is no topic {one.key!r}")
    declined = subjects.declined_by_the_person(contact_id)
    for number, one in enumerate(payload.topics):
        if one.on and any(
            (channel.value, one.key) in declined for channel in ([one.channel] if one.channel else Channel)
        ):
            reason = "the person switched it off themself; only they can switch it on again"
            raise invalid(f"topics.{number}.on", "incorrect_operation", reason)
    now, choices = datetime.now(UTC), subjects.choices_of(contact_id)
    wanted = {
        (channel, one.key): one.on for one in payload.topics for channel in ([one.channel] if one.channel else Channel)
    }
    record(
        ConsentEvent(
            contact_id, channel, "TOPIC_ON" if on else "TOPIC_OFF", now, "api", "staff", topic=key,
            evidence={"actor_id": request.api_token.author},
        )
        for (channel, key), on in wanted.items()
        if choices.get((channel, key)) != on
    )  # fmt: skip
    return _topics_of(contact_id)


def _contact(contact_id: int) -> Contact:
    contact = Contact.objects.filter(pk=contact_id).first()
    if contact is None:
        raise missing(f"contact {contact_id}")
    return contact


def _topics_of(contact_id: int) -> dict[str, Any]:
    known, choices = list(Topic.objects.order_by("title", "id")), subjects.choices_of(contact_id)
    lines = []
    for channel in Channel:
        wanted = subjects.effective(known, choices, channel)
        lines += [
            {"key": one.key, "title": one.title, "channel": channel, "on": wanted[one.key],
             "chosen": (channel.value, one.key) in choices}
            for one in known
        ]  # fmt: skip
    return {"contact_id": contact_id, "topics": lines}


@router.post(
    "/contacts/subscribe", response=SubscribeOut, auth=Scope("contacts.edit"), summary="Subscribe a person from a form",
    operation_id="subscribe",
)  # fmt: skip
def subscribe(request: ApiRequest, payload: SubscribeIn) -> dict[str, Any]:
    """A person filled in a form of yours. Nothing is sent to them before they confirm: each channel waits, whatever the
    shop's settings, and whether the contact is new or known. A known contact keeps its phone number and e-mail address; it
    gets the one it lacks. The same request within a minute is answered 409."""
    digest = hashlib.sha256(f"{request.shop.pk}:{payload.model_dump_json()}".encode()).hexdigest()
    if not cache.add(f"subscribe:{digest}", 1, timeout=SAME_WITHIN):
        raise Problem(409, "The same request was made less than a minute ago.")
    return _subscribe(payload, request.shop, request.api_token.author)


def _subscribe(payload: SubscribeIn, shop: Shop, token: str) -> dict[str, Any]:
    person = payload.contact
    phone = read_phone(person.phone, shop, person.country).e164 if person.phone else None
    if person.phone and phone is None:
        raise invalid("contact.phone", "invalid_format", "cannot be read as a phone number; write it in E.164")
    channels = _channels(payload, phone)
    for number, key in enumerate(payload.subscriptions):
        if not Topic.objects.filter(key=key).exists():
            raise invalid(f"subscriptions.{number}", "invalid_reference", f"there is no topic {key!r}")
    known = _known(person, phone, shop)
    now = datetime.now(UTC)
    [applied] = apply([_change(payload, phone, known, now)], actor=Actor("customer", token))
    contact_id = applied.contact_id
    proof: dict[str, Any] = {"form_type": payload.form_type, "wording": payload.wording, "actor_id": token}
    proof = {name: value for name, value in proof.items() if value}

    def event(channel: Channel, what: str, topic: str | None = None) -> ConsentEvent:
        address = phone if channel in PHONE_CHANNELS else person.email
        return ConsentEvent(
            contact_id, channel, what, now, "api", address=address, topic=topic, language=person.locale, evidence=proof
        )

    consents = record_all([event(channel, "OPT_IN_UNCONFIRMED") for channel in channels])
    record(event(channel, "TOPIC_ON", key) for channel in channels for key in payload.subscriptions)
    Event.objects.create(
        shop_id=shop.pk, kind="subscribeFromAPI" if applied.created else "subscribeUpdateFromAPI", contact_id=contact_id,
        occurred_at=now, actor_kind="customer", actor_id=token, origin="api",
        data={"form_type": payload.form_type, "channels": channels, "subscriptions": payload.subscriptions},
    )  # fmt: skip
    return {"contact_id": contact_id, "created": applied.created, "consents": consents}


def _channels(payload: SubscribeIn, phone: str | None) -> list[Channel]:
    """The ticked ones, each with its address; raises Problem where one lacks it."""
    person = payload.contact
    default = [*([Channel.WHATSAPP] if phone else []), *([Channel.EMAIL] if person.email else [])]
    chosen = list(dict.fromkeys(payload.channels)) or default
    if not chosen:
        raise invalid("contact", "missing_parameter", "an e-mail address or a phone number is needed")
    for channel in chosen:
        if channel in PHONE_CHANNELS and not phone:
            raise invalid("contact.phone", "missing_parameter", f"{channel} needs a phone number")
        if channel == Channel.EMAIL and not person.email:
            raise invalid("contact.email", "missing_parameter", "email needs an e-mail address")
    return chosen


def _known(person: SubscriberIn, phone: str | None, shop: Shop) -> Contact | None:
    """The contact with the number, else with the e-mail address."""
    key = phone_key(phone, shop) if phone else None
    if key and (by_phone := by_key("phone_key", {key}).get(key)):
        return by_phone
    mail = email_key(person.email, shop) if person.email else None
    return by_key("email_key", {mail}).get(mail) if mail else None


def _change(payload: SubscribeIn, phone: str | None, known: Contact | None, now: datetime) -> ContactChange:
    person = payload.contact
    given = {
        name: getattr(person, name)
        for name in ("first_name", "last_name", "locale", "country")
        if getattr(person, name)
    }
    if phone and not (known and known.phone):
        given["phone"] = phone
    if person.email and not (known and known.email):
        given["email"] = person.email
    return ContactChange(
        source=Source.API,
        at=now,
        contact_id=known.pk if known else None,
        profile=Profile(**given),
        fields=frozenset(given),
        tag_changes=[TagChange(payload.groups, True, now)] if payload.groups else [],
    )
