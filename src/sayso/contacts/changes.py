"""What a source says about a contact, in the one form that :func:`sayso.contacts.apply.apply` takes."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime
from decimal import Decimal
from enum import StrEnum


class Source(StrEnum):
    """How a contact came to be (features §2.1)."""

    SHOPIFY = "shopify"
    GUEST = "guest_checkout"
    IMPORT = "import"
    INBOUND = "inbound"
    API = "api"
    ORDER = "order"
    STAFF = "staff"
    FORM = "form"


@dataclass(slots=True)
class Profile:
    """Names, addresses and place, as one source knew them at ``at``. None means the source says there is none;
    to leave a field alone, name only the others in ``ContactChange.fields``."""

    first_name: str | None = None
    last_name: str | None = None
    email: str | None = None
    phone: str | None = None  # as the source wrote it; the door normalises
    note: str | None = None
    locale: str | None = None
    country: str | None = None  # ISO 3166-1 alpha-2; also the region a phone without calling code is read in
    region: str | None = None
    city: str | None = None
    address: str | None = None
    postcode: str | None = None


@dataclass(slots=True)
class Figures:
    """Lifetime figures as the shop's platform gives them."""

    orders_count: int = 0
    total_spent: Decimal = Decimal(0)
    last_order_at: datetime | None = None


@dataclass(slots=True)
class TagChange:
    """Tags added or removed, without the whole set (Shopify ``customer.tags_added|removed``)."""

    tags: list[str]
    added: bool
    at: datetime


@dataclass(slots=True)
class ContactChange:
    """One change of one contact, whatever its origin.

    ``at`` is when the facts were true at the source. ``sequence`` orders facts with equal ``at`` (Shopify writes whole
    seconds): microseconds since the epoch of the delivery's trigger, or of the moment it was read.
    """

    source: Source
    at: datetime | None = None
    sequence: int = 0
    contact_id: int | None = None
    shopify_customer_id: int | None = None
    external_customer_id: str | None = None
    profile: Profile | None = None
    fields: frozenset[str] | None = None  # which of the profile's fields count; None: all
    tags: list[str] | None = None  # the whole set
    tag_changes: list[TagChange] = field(default_factory=list)
    figures: Figures | None = None
    excluded: bool | None = None
    shopify_state: str | None = None
    shopify_created_at: datetime | None = None
    deleted: bool = False
    wa_id: str | None = None
    bsuid: str | None = None
    message_received_at: datetime | None = None
