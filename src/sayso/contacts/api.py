"""Contacts as the REST API writes and reads them. Its addresses are in :mod:`sayso.api`, which knows consent too."""

from __future__ import annotations

from datetime import datetime
from decimal import Decimal
from enum import StrEnum
from typing import Annotated, Any

from django.core.exceptions import ValidationError
from django.core.validators import validate_email
from ninja import Schema
from pydantic import AfterValidator, AliasChoices, ConfigDict, Field

from sayso.shops.api import Id, Text
from sayso.shops.models import Shop

from . import addresses
from .changes import ContactChange, Profile, Source
from .models import Contact
from .phones import Phone, fold, normalise


def _email(text: str) -> str:
    try:
        validate_email(text.strip())
    except ValidationError:
        raise ValueError("is not an e-mail address") from None
    return text.strip()


def _country(text: str) -> str:
    if not (len(text) == 2 and text.isascii() and text.isalpha()):
        raise ValueError("is not an ISO 3166-1 alpha-2 code")
    return text.upper()


Email = Annotated[Text, Field(max_length=320), AfterValidator(_email)]
Country = Annotated[Text, AfterValidator(_country)]
Short = Annotated[Text, Field(max_length=255)]
Tag = Annotated[Text, Field(min_length=1, max_length=255)]


class Dedupe(StrEnum):
    """What names the contact that an item means."""

    EMAIL = "email"
    SMS = "sms"
    EMAIL_OR_SMS = "email_or_sms"
    EXTERNAL_CUSTOMER_ID = "external_customer_id"
    ID = "id"


class ContactFields(Schema):
    """What a caller may say about a contact. A field that is not sent stays as it is; null empties it."""

    model_config = ConfigDict(extra="forbid", populate_by_name=True)

    id: Id | None = Field(None, description="Our id; names the contact where `dedupe_on` is `id`.")
    external_customer_id: Annotated[Text, Field(min_length=1, max_length=255)] | None = Field(
        None, description="Your id of the contact. Where it is sent it names the contact, whatever `dedupe_on` says."
    )
    first_name: Short | None = None
    last_name: Short | None = None
    email: Email | None = None
    phone: Short | None = Field(
        None,
        validation_alias=AliasChoices("phone", "sms"),
        description="Best in E.164; else it is read in `country`, or in the shop's. `sms` is taken for it too.",
    )
    note: Annotated[Text, Field(max_length=5000)] | None = None
    locale: Annotated[Text, Field(max_length=35)] | None = Field(None, description="BCP 47: `de-AT`.")
    country: Country | None = Field(None, description="ISO 3166-1 alpha-2.")
    region: Annotated[Text, Field(max_length=64)] | None = None
    city: Short | None = None
    address: Annotated[Text, Field(max_length=512)] | None = None
    postcode: Annotated[Text, Field(max_length=32)] | None = None
    tags: Annotated[list[Tag], Field(max_length=250)] | None = Field(None, description="The whole set.")


PROFILE = (
    "first_name", "last_name", "email", "phone", "note", "locale", "country", "region", "city", "address", "postcode",
)  # fmt: skip
WRITABLE = frozenset((*PROFILE, "tags"))
"""What ``contact_fields`` may name."""


def read_phone(text: str, shop: Shop, country: str | None = None) -> Phone:
    """A phone number as the door will read it."""
    return normalise(text, country or shop.country)


def phone_key(text: str, shop: Shop, country: str | None = None) -> bytes | None:
    """The key to look a phone number up by; None where the text is no phone number."""
    e164 = read_phone(text, shop, country).e164 or (
        fold(text) if text.startswith("+") and text[1:].isdecimal() else None
    )
    return addresses.phone_key(addresses.shop_secret(shop.pk), e164) if e164 else None


def email_key(text: str, shop: Shop) -> bytes:
    return addresses.email_key(addresses.shop_secret(shop.pk), text)


def by_key(column: str, keys: set[Any]) -> dict[Any, Contact]:
    """Key → its oldest contact, neither deleted nor redacted; ``column`` is ``phone_key`` or ``email_key``."""
    living = Contact.objects.filter(**{f"{column}__in": keys}, deleted_at__isnull=True, redacted_at__isnull=True)
    return {bytes(getattr(contact, column)): contact for contact in living.order_by("-id")}


def change(
    item: ContactFields, known: Contact | None, *, fields: set[str], dedupe_on: Dedupe, at: datetime, sequence: int
) -> ContactChange:
    """The item as the door takes it. ``fields`` are those to write; what found the contact is not written again."""
    names = {
        "email": dedupe_on in (Dedupe.EMAIL, Dedupe.EMAIL_OR_SMS),
        "phone": dedupe_on in (Dedupe.SMS, Dedupe.EMAIL_OR_SMS),
    }
    given = {name: getattr(item, name) for name in PROFILE if name in fields or names.get(name)}
    if item.country and "country" not in given:
        given["country"] = item.country  # tells in which country the number is to be read
    by = _found_by(item, known, dedupe_on) if known else None
    written = frozenset(name for name in PROFILE if name in fields and name != by)
    return ContactChange(
        source=Source.API,
        at=at,
        sequence=sequence,
        contact_id=known.pk if known else None,
        external_customer_id=item.external_customer_id,
        profile=Profile(**given) if given else None,
        fields=written,
        tags=(item.tags or []) if "tags" in fields else None,
    )


def _found_by(item: ContactFields, known: Contact, dedupe_on: Dedupe) -> str | None:
    if item.external_customer_id:
        return None
    if dedupe_on is Dedupe.EMAIL_OR_SMS:
        same_mail = bool(item.email and known.email and item.email.lower() == known.email.lower())
        return None if item.phone and item.email else ("email" if same_mail else "phone")
    return {Dedupe.EMAIL: "email", Dedupe.SMS: "phone"}.get(dedupe_on)


def is_unchanged(wanted: ContactChange, known: Contact, shop: Shop) -> bool:
    """Whether the contact says already what the change would say. A change that says nothing new must not make the
    facts of the shop's platform look old."""
    if wanted.external_customer_id and known.external_customer_id is None:
        return False
    if wanted.tags is not None and sorted(wanted.tags) != sorted(known.tags):
        return False
    for name in wanted.fields or ():
        said = getattr(wanted.profile, name)
        if name == "phone" and said:
            said = read_phone(said, shop, getattr(wanted.profile, "country", None)).e164
        if (said or None) != (getattr(known, name) or None):
            return False
    return True


class ContactOut(Schema):
    """A contact."""

    id: int
    shopify_customer_id: str | None = Field(description="Shopify's number; a string, as it exceeds 2^53.")
    external_customer_id: str | None
    first_name: str | None
    last_name: str | None
    email: str | None
    phone: str | None = Field(description="E.164; null where there is none or it cannot be read.")
    phone_raw: str | None = Field(description="As the source wrote it.")
    note: str | None
    tags: list[str]
    labels: list[str]
    locale: str | None
    time_zone: str | None
    country: str | None
    region: str | None
    city: str | None
    address: str | None
    postcode: str | None
    excluded: bool
    orders_count: int
    total_spent: Decimal
    last_order_at: datetime | None
    last_message_received_at: datetime | None
    source: str
    shopify_state: str | None
    shopify_created_at: datetime | None
    shopify_updated_at: datetime | None
    created_at: datetime
    updated_at: datetime
    deleted_at: datetime | None
    redacted_at: datetime | None


OUT = tuple(ContactOut.model_fields)


def contact_json(contact: Contact) -> dict[str, Any]:
    """The fields of :class:`ContactOut`."""
    values = {name: getattr(contact, name) for name in OUT}
    number = contact.shopify_customer_id
    return values | {"shopify_customer_id": None if number is None else str(number)}
