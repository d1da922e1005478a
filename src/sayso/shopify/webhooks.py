"""How Shopify delivers: what its headers say, and which deliveries concern the same thing.

Source: Shopify, *Deliver webhooks through HTTPS*.
"""

from __future__ import annotations

import hashlib
from datetime import UTC, datetime

import msgspec

from sayso.contacts import addresses
from sayso.intake.models import Delivery
from sayso.intake.providers import Envelope, Headers, Provider, register
from sayso.intake.subjects import subjects

from .connection import signature

KEPT = ("topic", "sub-topic", "shop-domain", "webhook-id", "event-id", "api-version", "triggered-at", "name")
_NAMES = {name: f"x-shopify-{name}".encode() for name in KEPT}

Id = int | str | None


class _Customer(msgspec.Struct):
    id: Id = None


class _Edit(msgspec.Struct):
    order_id: Id = None


class _Subject(msgspec.Struct):
    """Only the keys that say whom or what a payload is about; msgspec skips the rest unread."""

    id: Id = None
    token: str | None = None
    product_id: Id = None
    inventory_item_id: Id = None
    customer: _Customer | None = None
    customer_id: Id = None
    customerId: Id = None
    admin_graphql_api_customer_kept_id: Id = None
    order_edit: _Edit | None = None


_decoder = msgspec.json.Decoder(_Subject)


def verify(headers: Headers, body: bytes, secret: str) -> bool:
    return signature.verify(body, headers.get(b"x-shopify-hmac-sha256"), [secret])


def shop_domain(headers: Headers) -> str:
    return headers.get(_NAMES["shop-domain"], b"").decode("latin-1").lower()


def describe(headers: Headers, body: bytes) -> Envelope:
    kept = {name: headers[wire].decode("latin-1") for name, wire in _NAMES.items() if wire in headers}
    topic = kept.get("topic", "")[:64]
    key = kept.get("webhook-id", "")
    return Envelope(
        key=key if 0 < len(key) <= 128 else hashlib.sha256(body).hexdigest(),
        topic=topic,
        shop_domain=shop_domain(headers),
        fold_key=fold_key(topic, body),
        triggered_at=_moment(kept.get("triggered-at", "")),
        kept_headers=kept,
    )


def fold_key(topic: str, body: bytes) -> str:
    """The customer a payload is about, else the thing; "" if that cannot be told cheaply."""
    kind = topic.replace(".", "/").partition("/")[0]
    try:
        subject = _decoder.decode(body)
    except msgspec.DecodeError:
        return ""
    about: Id = None
    if kind.startswith("customer"):
        about = subject.customer.id if subject.customer else None
        about = about or subject.customer_id or subject.customerId or subject.admin_graphql_api_customer_kept_id
        kind, about = "customer", about or subject.id
    elif subject.customer and subject.customer.id:  # orders, checkouts
        kind, about = "customer", subject.customer.id
    elif kind == "variants":
        kind, about = "products", subject.product_id
    elif kind == "inventory_levels":
        about = subject.inventory_item_id
    elif subject.order_edit:
        about = subject.order_edit.order_id
    else:
        about = subject.id or subject.token
    number = str(about or "").rpartition("/")[2]  # gid://shopify/Customer/1 and 1 are one
    return f"{kind}:{number}"[:128] if number else ""


class _Named(msgspec.Struct):
    id: Id = None
    email: str | None = None
    phone: str | None = None


class _Naming(msgspec.Struct):
    """Every place in which a payload may name a person; msgspec skips the rest unread."""

    id: Id = None
    email: str | None = None
    contact_email: str | None = None
    phone: str | None = None
    email_address: str | None = None
    phone_number: str | None = None
    sms_marketing_phone: str | None = None
    customer: _Named | None = None
    customer_id: Id = None
    customerId: Id = None
    admin_graphql_api_customer_kept_id: Id = None
    admin_graphql_api_customer_deleted_id: Id = None


_names = msgspec.json.Decoder(_Naming)


@subjects("shopify")
def people(delivery: Delivery) -> list[str]:
    """Customer, order and addresses that a payload names. Raises ValueError (msgspec.DecodeError) if it is no JSON."""
    named = _names.decode(bytes(delivery.body))
    found = [f"customer:{_number(named.customer.id)}"] if named.customer and named.customer.id else []
    for about in (
        named.customer_id, named.customerId, named.admin_graphql_api_customer_kept_id,
        named.admin_graphql_api_customer_deleted_id,
    ):  # fmt: skip
        if about:
            found.append(f"customer:{_number(about)}")
    if named.id:
        kind = delivery.topic.replace(".", "/").partition("/")[0]
        if kind.startswith("customer") and not found:
            found.append(f"customer:{_number(named.id)}")
        elif kind == "orders":
            found.append(f"order:{_number(named.id)}")
    customer = named.customer or _Named()
    secret = addresses.shop_secret(delivery.shop_id or 0)
    for email in {named.email, named.contact_email, named.email_address, customer.email} - {None, ""}:
        found.append(f"email:{addresses.email_key(secret, email or '').hex()}")
    for phone in {named.phone, named.phone_number, named.sms_marketing_phone, customer.phone} - {None, ""}:
        if phone and phone.startswith("+"):  # a national number is found by the customer or the order
            found.append(addresses.subject_key(secret, "".join(filter(str.isdigit, phone))))
    return found


def _number(about: Id) -> str:
    """gid://shopify/Customer/1 and 1 are one."""
    return str(about).rpartition("/")[2]


def _moment(text: str) -> datetime | None:
    """Shopify gives nanoseconds; Python keeps micro."""
    try:
        moment = datetime.fromisoformat(text)
    except ValueError:
        return None
    return moment if moment.tzinfo else moment.replace(tzinfo=UTC)


register(Provider("shopify", verify, describe, shop_domain, "select * from shopify_served()"))
