"""Who is meant by a request: contacts, and every address they have or had, as keyed hashes."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from django.db import connection

from sayso.contacts import addresses, merge
from sayso.contacts.models import Contact, Identity
from sayso.contacts.phones import normalise
from sayso.shops.models import Shop
from sayso.shops.personal import Subject
from sayso.shops.tenancy import current_shop_id

BIGGEST = 2**63 - 1


@dataclass(frozen=True, slots=True)
class Named:
    """A person as the asker named them; anything may be missing."""

    customer_id: int | None = None
    email: str = ""
    phone: str = ""
    order_ids: tuple[int, ...] = ()

    def to_json(self) -> dict[str, object]:
        return {
            "customer_id": self.customer_id, "email": self.email, "phone": self.phone, "order_ids": list(self.order_ids),
        }  # fmt: skip

    @classmethod
    def from_json(cls, stored: dict | None) -> Named:
        stored = stored or {}
        return cls(
            stored.get("customer_id"), stored.get("email") or "", stored.get("phone") or "",
            tuple(stored.get("order_ids") or ()),
        )  # fmt: skip

    def __bool__(self) -> bool:
        return bool(self.customer_id or self.email or self.phone or self.order_ids)

    def keys(self, shop: Shop) -> list[bytes]:
        """The keyed hashes of the addresses that were named."""
        secret = addresses.shop_secret(shop.pk)
        found = [addresses.email_key(secret, self.email)] if self.email else []
        e164 = normalise(self.phone, shop.country).e164 if self.phone else None
        return found + ([addresses.phone_key(secret, e164)] if e164 else [])


def find(named: Named, shop: Shop) -> list[int]:
    """The contacts that are meant: by the customer's id, else by e-mail, else by phone (features §7.1); with each everybody
    who was made one with it, for they are one person.

    Whoever is another customer of the store is not meant by an address that both share. Oldest first; the erased are
    not found again by address, for they have none.
    """
    return merge.whole_person(_named(named, shop))


def _named(named: Named, shop: Shop) -> list[int]:
    if named.customer_id:
        by_id = list(Contact.objects.filter(shopify_customer_id=named.customer_id).values_list("pk", flat=True))
        if by_id:
            return by_id
    secret = addresses.shop_secret(shop.pk)
    holders = Contact.objects.filter(redacted_at=None).order_by("pk").values_list("pk", flat=True)
    if named.customer_id:
        holders = holders.filter(shopify_customer_id=None)
    if named.email and (by_email := list(holders.filter(email_key=addresses.email_key(secret, named.email)))):
        return by_email
    if named.phone and (e164 := normalise(named.phone, shop.country).e164):
        return list(holders.filter(phone_key=addresses.phone_key(secret, e164)))
    return []


def subject(contact_ids: Sequence[int], named: Named, shop: Shop, *, request_id: int | None = None) -> Subject:
    """Everything by which the rooms know these contacts."""
    ids = list(contact_ids)
    customers = [
        one
        for one in Contact.objects.filter(pk__in=ids).values_list("shopify_customer_id", flat=True)
        if one is not None
    ]
    if named.customer_id and named.customer_id not in customers:
        customers.append(named.customer_id)
    keys = _keys(ids, named, shop)
    orders = list(named.order_ids)
    return Subject(
        contact_ids=ids,
        customer_ids=customers,
        address_keys=sorted(keys),
        subject_keys=_subject_keys(ids, customers, orders, keys, shop),
        order_ids=orders or None,
        request_id=request_id,
    )


def _keys(ids: list[int], named: Named, shop: Shop) -> set[bytes]:
    """Of every address: what the contact, its state and the accepted entries of its ledger hold as hashes already, and
    what identities and orders hold in words."""
    secret = addresses.shop_secret(shop.pk)
    with connection.cursor() as cursor:
        cursor.execute(
            """select phone_key from contact where id = any(%(ids)s) union select email_key from contact
                where id = any(%(ids)s)
            union select whatsapp_address_key from consent_state where contact_id = any(%(ids)s)
            union select sms_address_key from consent_state where contact_id = any(%(ids)s)
            union select email_address_key from consent_state where contact_id = any(%(ids)s)
            union select address_key from consent_ledger where contact_id = any(%(ids)s) and outcome <> 'REFUSED'""",
            {"ids": ids},
        )
        keys = {bytes(key) for (key,) in cursor.fetchall() if key is not None}
        cursor.execute("select distinct email, phone from orders where contact_id = any(%s)", [ids])
        of_orders = cursor.fetchall()
    names: list[tuple[str, str]] = [*Identity.objects.filter(contact_id__in=ids).values_list("kind", "value")]
    for email, phone in of_orders:
        names += [("email", email)] if email else []
        names += [("phone", phone)] if phone else []
    for kind, value in names:
        if kind == "email":
            keys.add(addresses.email_key(secret, value))
        elif kind in ("phone", "wa_id"):
            e164 = normalise(f"+{value.lstrip('+')}" if kind == "wa_id" else value, shop.country).e164
            if e164:
                keys.add(addresses.phone_key(secret, e164))
    return keys | set(named.keys(shop))


def _subject_keys(
    ids: list[int], customers: Iterable[int], orders: Iterable[int], keys: Iterable[bytes], shop: Shop
) -> list[str]:
    """Under which :mod:`sayso.intake.subjects` finds deliveries. A hash does not tell its kind; it is asked for as both."""
    secret = addresses.shop_secret(shop.pk)
    with connection.cursor() as cursor:
        cursor.execute("select shopify_order_id from orders where contact_id = any(%s)", [ids])
        orders = {*orders, *(order for (order,) in cursor.fetchall())}
    other = Identity.objects.filter(contact_id__in=ids, kind__in=("bsuid", "wa_id")).values_list("value", flat=True)
    return sorted(
        {f"customer:{one}" for one in customers}
        | {f"order:{one}" for one in orders}
        | {f"{kind}:{key.hex()}" for key in keys for kind in ("email", "phone")}
        | {addresses.subject_key(secret, value) for value in other}
    )


def current_shop() -> Shop:
    return Shop.objects.get(pk=current_shop_id())
