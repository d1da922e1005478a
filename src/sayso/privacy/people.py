"""Who is meant by a request: contacts, and every address they have or had, as keyed hashes."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from django.db import connection

from sayso.contacts import addresses, merge
from sayso.contacts.models import Contact
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
    e164 = normalise(named.phone, shop.country).e164 if named.phone else None
    if e164 and (by_phone := list(holders.filter(phone_key=addresses.phone_key(secret, e164)))):
        return by_phone
    return _purged(named, e164, shop)


def _purged(named: Named, e164: str | None, shop: Shop) -> list[int]:
    """Contacts that were deleted so long ago that they lost their addresses. Their ledger remembers those as hashes, their
    orders in words, and their evidence names them still. Not those who are another customer of the store than the one named.
    One pass over the ledger, made only where nobody has the address any more."""
    keys = named.keys(shop)
    if not keys:
        return []
    with connection.cursor() as cursor:
        cursor.execute(
            """select c.id from contact c where c.deleted_at is not null and c.redacted_at is null
            and c.phone_key is null and c.email_key is null and not (%s and c.shopify_customer_id is not null)
            and (c.id in (
                select l.contact_id from consent_ledger l where l.address_key = any(%s::bytea[]) and l.outcome <> 'REFUSED'
            ) or c.shopify_customer_id in (
                select o.shopify_customer_id from orders o
                where o.contact_id is null and (lower(o.email) = %s or o.phone = any(%s))
            )) order by c.id""",
            [bool(named.customer_id), keys, addresses.normal_email(named.email) or None, [named.phone, e164]],
        )
        return [pk for (pk,) in cursor.fetchall()]


def subject(
    contact_ids: Sequence[int], named: Named, shop: Shop, *, request_id: int | None = None, to_hand_out: bool = False
) -> Subject:
    """Everything by which the rooms know these contacts.

    ``to_hand_out``: not by an address that they gave up, or that was only said to be theirs, and that is somebody else's
    in the shop now: what is found under it may be about that person (GDPR Art. 15(4)).
    """
    ids = list(contact_ids)
    customers = [
        one
        for one in Contact.objects.filter(pk__in=ids).values_list("shopify_customer_id", flat=True)
        if one is not None
    ]
    if named.customer_id and named.customer_id not in customers:
        customers.append(named.customer_id)
    names = _names(ids)
    keys = _keys(ids, names, named, shop)
    if to_hand_out:
        keys -= _of_others(keys, ids)
    orders = list(named.order_ids)
    stray = _stray_orders(names, named, keys, shop)
    return Subject(
        contact_ids=ids,
        customer_ids=customers,
        address_keys=sorted(keys),
        subject_keys=_subject_keys(ids, customers, [*orders, *stray], names, keys, shop),
        order_ids=orders or None,
        stray_order_ids=stray,
        request_id=request_id,
    )


Name = tuple[str, str]
"""Kind and value: ``email``, ``phone``, ``wa_id``, or what else people go by."""


def _names(ids: list[int]) -> list[Name]:
    """What contacts, identities and orders hold in words."""
    with connection.cursor() as cursor:
        cursor.execute(
            """select kind, value from identity where contact_id = any(%(ids)s)
            union select 'email', email from contact where id = any(%(ids)s)
            union select 'phone', phone from contact where id = any(%(ids)s)
            union select 'email', email from orders where contact_id = any(%(ids)s)
            union select 'phone', phone from orders where contact_id = any(%(ids)s)""",
            {"ids": ids},
        )
        return [(kind, value) for kind, value in cursor.fetchall() if value]


def _key(name: Name, shop: Shop) -> bytes | None:
    """The keyed hash of an address; None for what is none."""
    kind, value = name
    secret = addresses.shop_secret(shop.pk)
    if kind == "email":
        return addresses.email_key(secret, value)
    if kind not in ("phone", "wa_id"):
        return None
    e164 = normalise(f"+{value.lstrip('+')}" if kind == "wa_id" else value, shop.country).e164
    return addresses.phone_key(secret, e164) if e164 else None


def _keys(ids: list[int], names: list[Name], named: Named, shop: Shop) -> set[bytes]:
    """Of every address: what the contact, its state and the accepted entries of its ledger hold as hashes already, and
    those of ``names``."""
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
    return keys | {key for name in names if (key := _key(name, shop))} | set(named.keys(shop))


def _of_others(keys: set[bytes], ids: list[int]) -> set[bytes]:
    """Of these addresses those that somebody else has now, and none of these contacts."""
    with connection.cursor() as cursor:
        cursor.execute(
            """select held.key, bool_or(c.id = any(%(ids)s)) from contact c
            cross join lateral (values (c.phone_key), (c.email_key)) as held (key)
            where (c.phone_key = any(%(keys)s::bytea[]) or c.email_key = any(%(keys)s::bytea[])) and c.redacted_at is null
            and held.key = any(%(keys)s::bytea[]) group by held.key""",
            {"ids": ids, "keys": sorted(keys)},
        )
        return {bytes(key) for key, theirs in cursor.fetchall() if not theirs}


def _stray_orders(names: list[Name], named: Named, keys: set[bytes], shop: Shop) -> list[int]:
    """Orders outlive the contact they belonged to, with the e-mail and number they came with: those that carry an address
    of this person, as far as it stands in ``keys``, and are nobody's. Where the person is named as a customer of the
    store, those of another customer are not meant."""
    known = {*names, *((kind, value) for kind, value in (("email", named.email), ("phone", named.phone)) if value)}
    held = [(kind, value) for kind, value in known if _key((kind, value), shop) in keys]
    emails = [addresses.normal_email(value) for kind, value in held if kind == "email"]
    phones = [
        f"+{value.lstrip('+')}" if kind == "wa_id" else value for kind, value in held if kind in ("phone", "wa_id")
    ]
    phones += [e164 for value in phones if (e164 := normalise(value, shop.country).e164)]
    if not held:
        return []
    with connection.cursor() as cursor:
        cursor.execute(
            """select o.shopify_order_id from orders o where o.contact_id is null and o.redacted_at is null
            and (lower(o.email) = any(%s) or o.phone = any(%s)) and (o.shopify_customer_id is null or not %s)
            and not exists (select from contact c where c.shop_id = o.shop_id
                and c.shopify_customer_id = o.shopify_customer_id and c.deleted_at is null) order by 1""",
            [emails, phones, bool(named.customer_id)],
        )
        return [order for (order,) in cursor.fetchall()]


def _subject_keys(
    ids: list[int], customers: Iterable[int], orders: Iterable[int], names: list[Name], keys: set[bytes], shop: Shop
) -> list[str]:
    """Under which :mod:`sayso.intake.subjects` finds deliveries. A hash does not tell its kind; it is asked for as both."""
    secret = addresses.shop_secret(shop.pk)
    with connection.cursor() as cursor:
        cursor.execute("select shopify_order_id from orders where contact_id = any(%s)", [ids])
        orders = {*orders, *(order for (order,) in cursor.fetchall())}
    other = [
        value
        for kind, value in names
        if kind == "bsuid" or (kind == "wa_id" and ((key := _key((kind, value), shop)) is None or key in keys))
    ]
    return sorted(
        {f"customer:{one}" for one in customers}
        | {f"order:{one}" for one in orders}
        | {f"{kind}:{key.hex()}" for key in keys for kind in ("email", "phone")}
        | {addresses.subject_key(secret, value) for value in other}
    )


def current_shop() -> Shop:
    return Shop.objects.get(pk=current_shop_id())
