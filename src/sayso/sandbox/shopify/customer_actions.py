"""What merchants and buyers do to customers: each act changes the shop and tells its topics."""

import re
from collections.abc import Iterable

from .. import clock
from ..generate.countries import BY_CODE
from ..identifiers import gid, number
from ..outbox import Outbox
from ..records import Address, Consent, Customer, Shop
from ..world import World
from . import payloads, store
from .notify import Action
from .segment_actions import SegmentActions

TOPIC = {
    "sms": ("customers_marketing_consent/update", payloads.sms_consent),
    "whatsapp": ("customers_whats_app_marketing_consent/update", payloads.whatsapp_consent),
    "email": ("customers_email_marketing_consent/update", payloads.email_consent),
}
FIELD = {"sms": "sms", "whatsapp": "whatsapp", "email": "mail"}
STATES = {
    "sms": {"NEVER_SUBSCRIBED", "PENDING", "REDACTED", "SUBSCRIBED", "UNSUBSCRIBED"},
    "whatsapp": {"NEVER_SUBSCRIBED", "PENDING", "REDACTED", "SUBSCRIBED", "UNSUBSCRIBED"},
    "email": {"INVALID", "NOT_SUBSCRIBED", "PENDING", "SUBSCRIBED", "UNSUBSCRIBED"},
}
_E164 = re.compile(r"\+[1-9][0-9]{6,14}")
_EMAIL = re.compile(r"[^@\s]+@[^@\s]+\.[^@\s]+")
EDITABLE = ("first", "last", "email", "phone", "locale", "note", "state")


class Refused(ValueError):
    """Shopify would not do this; `field` names the input, the text is Shopify's own where it is known."""

    def __init__(self, field: str, message: str) -> None:
        super().__init__(message)
        self.field = field


def clean_phone(world: World, shop: Shop, value: str, own: int | None = None) -> str:
    """`value` as E.164. Raises Refused where it is no number or another customer's."""
    phone = "+" + re.sub(r"\D", "", value) if value.strip().startswith(("+", "00")) else re.sub(r"\D", "", value)
    if phone.startswith("+00"):
        phone = "+" + phone[3:]
    if len(value) > 255 or not _E164.fullmatch(phone):
        raise Refused("phone", "Phone is invalid")
    holder = store.customer_with(world.db, shop, "phone", phone)
    if holder and holder.id != own:
        raise Refused("phone", "Phone has already been taken")
    return phone


def clean_email(world: World, shop: Shop, value: str, own: int | None = None) -> str:
    """`value` checked. Raises Refused."""
    if not _EMAIL.fullmatch(value):
        raise Refused("email", "Email is invalid")
    holder = store.customer_with(world.db, shop, "email", value)
    if holder and holder.id != own:
        raise Refused("email", "Email has already been taken")
    return value


class CustomerActions:
    """Acts on customers of `shop`. Each public method is one action of the control API."""

    def __init__(self, world: World, outbox: Outbox, segments: SegmentActions) -> None:
        self.world, self.outbox, self.segments = world, outbox, segments

    def action(self, shop: Shop) -> Action:
        """A new action of this shop."""
        return Action(self.world, self.outbox, shop)

    def touch(self, shop: Shop, one: Customer) -> None:
        """Save `one` with a new time of change; what it joined and left by that is told."""
        one.updated = max(clock.now(), one.updated)
        before = self.segments.holding(shop, one)
        store.save_customer(self.world.db, shop, one)
        self.segments.follow(shop, one, before)

    def create(
        self,
        shop: Shop,
        *,
        first: str | None = None,
        last: str | None = None,
        email: str | None = None,
        phone: str | None = None,
        locale: str = "en",
        tags: Iterable[str] = (),
        country: str | None = None,
        address_phone: str | None = None,
        consents: dict[str, str] | None = None,
    ) -> Customer:
        """A new customer; `consents` maps channel to state. Raises Refused."""
        db = self.world.db
        if email:
            email = clean_email(self.world, shop, email)
        if phone:
            phone = clean_phone(self.world, shop, phone)
        if not any((first, last, email, phone)):
            raise Refused("base", "Customer must have a name, phone number or email address")
        with db.transaction():
            present = clock.now()
            one = Customer(
                number("Customer", db.take("Customer")),
                present,
                present,
                first,
                last,
                email,
                phone,
                locale,
                tags=sorted(set(tags)),
            )
            place = BY_CODE.get(country or "")
            if place:
                city, code, province, province_code = place.cities[0]
                one.address = Address(
                    number("MailingAddress", db.take("MailingAddress")),
                    first,
                    last,
                    place.code,
                    place.name,
                    city,
                    code,
                    f"{place.streets[0]} 1",
                    province=province,
                    province_code=province_code,
                    phone=address_phone,
                )
            told = self.action(shop)
            changed = []
            for channel, state in (consents or {}).items():
                self._set(one, channel, state, None, at=present, collected_from="SHOPIFY")
                changed.append(channel)
            store.save_customer(db, shop, one)
            told.tell("customers/create", payloads.customer(one, shop))
            if one.tags:
                told.tell("customer.tags_added", payloads.tags(one, one.tags))
            self._tell_consents(told, shop, one, changed)
            self.segments.follow(shop, one, set())
        return one

    def edit(self, shop: Shop, key: int, **changes: str | None) -> Customer:
        """Change fields named in EDITABLE. A new phone starts without consent, as consent belongs to a number."""
        one = store.get_customer(self.world.db, shop, key)
        unknown = set(changes) - set(EDITABLE)
        if unknown:
            raise Refused(min(unknown), f"cannot edit {', '.join(sorted(unknown))}")
        lost = []
        if changes.get("phone"):
            changes["phone"] = clean_phone(self.world, shop, changes["phone"] or "", key)
        if changes.get("email"):
            changes["email"] = clean_email(self.world, shop, changes["email"] or "", key)
        if len(changes.get("note") or "") > 5000:
            raise Refused("note", "Note is too long (maximum is 5000 characters)")
        if "phone" in changes and (changes["phone"] or None) != one.phone:
            one.sms = one.whatsapp = Consent("NEVER_SUBSCRIBED")
            lost = ["sms", "whatsapp"]
        if "email" in changes and (changes["email"] or None) != one.email:
            one.mail = Consent("NOT_SUBSCRIBED")
            lost.append("email")
        for field, value in changes.items():
            setattr(one, field, value or (None if field not in {"locale", "state"} else getattr(one, field)))
        with self.world.db.transaction():
            self.touch(shop, one)
            told = self.action(shop)
            told.tell("customers/update", payloads.customer(one, shop))
            self._tell_consents(told, shop, one, lost)
        return one

    def tag(self, shop: Shop, key: int, add: Iterable[str] = (), remove: Iterable[str] = ()) -> Customer:
        """Add and remove tags; comparison ignores case, as in Shopify. Raises Refused."""
        one = store.get_customer(self.world.db, shop, key)
        have = {tag.casefold(): tag for tag in one.tags}
        added = [tag for tag in dict.fromkeys(part.strip() for part in add) if tag and tag.casefold() not in have]
        removed = [
            have[tag.casefold()] for tag in dict.fromkeys(part.strip() for part in remove) if tag.casefold() in have
        ]
        one.tags = sorted({*one.tags, *added} - set(removed))
        if len(one.tags) > 250:
            raise Refused("tags", "Tags exceed the maximum of 250")
        with self.world.db.transaction():
            if added or removed:
                self.touch(shop, one)
                told = self.action(shop)
                told.tell("customers/update", payloads.customer(one, shop))
                if added:
                    told.tell("customer.tags_added", payloads.tags(one, added))
                if removed:
                    told.tell("customer.tags_removed", payloads.tags(one, removed))
        return one

    def consent(
        self,
        shop: Shop,
        key: int,
        channel: str,
        state: str,
        level: str | None = None,
        *,
        at: str | None = None,
        collected_from: str = "SHOPIFY",
    ) -> Customer:
        """Set one channel's consent. Raises Refused, also for a phone channel without phone."""
        one = store.get_customer(self.world.db, shop, key)
        self._set(one, channel, state, level, at=at or clock.now(), collected_from=collected_from)
        with self.world.db.transaction():
            self.touch(shop, one)
            told = self.action(shop)
            told.tell("customers/update", payloads.customer(one, shop))
            self._tell_consents(told, shop, one, [channel])
        return one

    def delete(self, shop: Shop, key: int) -> Customer:
        """Delete the customer; its orders stay without one."""
        one = store.get_customer(self.world.db, shop, key)
        with self.world.db.transaction():
            store.delete_customer(self.world.db, one)
            self.action(shop).tell("customers/delete", payloads.customer_deleted(one))
        return one

    def merge(self, shop: Shop, kept: int, deleted: int) -> Customer:
        """Make the second customer part of the first, as the merchant does in the admin.

        The kept one's values win, blanks are filled, tags unite, orders follow; for each channel it keeps the consent of
        the address it ends up with. A customer whose data is gone blocks the merge: that is told, and Refused raised.
        """
        db = self.world.db
        one, other = store.get_customer(db, shop, kept), store.get_customer(db, shop, deleted)
        if one.id == other.id:
            raise Refused("customer", "A customer cannot be merged with itself.")
        gone = [each for each in (one, other) if each.sms.state == "REDACTED"]
        if gone:
            refusals = [
                {
                    "customer_ids": [each.id],
                    "field": "customer_data_erasure",
                    "message": f"{each.name or each.id} has a pending data erasure request.",
                }
                for each in gone
            ]
            self.action(shop).tell("customers/merge", payloads.customer_merge(one.id, other.id, None, refusals))
            raise Refused("customer", str(refusals[0]["message"]))
        with db.transaction():
            if one.phone is None and other.phone is not None:
                one.phone, one.sms, one.whatsapp = other.phone, other.sms, other.whatsapp
            if one.email is None and other.email is not None:
                one.email, one.mail = other.email, other.mail
            one.first, one.last = one.first or other.first, one.last or other.last
            one.note, one.address = one.note or other.note, one.address or other.address
            one.tags = sorted({*one.tags, *other.tags})
            one.orders, one.spent = one.orders + other.orders, one.spent + other.spent
            one.last_order = max(filter(None, (one.last_order, other.last_order)), default=None)
            for order in store.orders_of(db, other.id):
                order.customer = one.id
                store.save_order(db, shop, order)
            store.delete_customer(db, other)
            self.touch(shop, one)
            told = self.action(shop)
            job = gid("Job", self.world.db.take("Job"))
            told.tell("customers/merge", payloads.customer_merge(one.id, other.id, job, []))
            told.tell("customers/update", payloads.customer(one, shop))
        return one

    def redact(self, shop: Shop, key: int) -> Customer:
        """Send `customers/redact` as Shopify does ten days after the request, and forget the person's data."""
        one = store.get_customer(self.world.db, shop, key)
        orders = [order.id for order in store.orders_of(self.world.db, key)]
        with self.world.db.transaction():
            self.action(shop).tell("customers/redact", payloads.customer_redact(shop, one, orders))
            one.first = one.last = one.email = one.phone = one.note = one.address = None
            one.tags, one.sms, one.whatsapp, one.mail = (
                [],
                Consent("REDACTED"),
                Consent("REDACTED"),
                Consent("NOT_SUBSCRIBED"),
            )
            self.touch(shop, one)
        return one

    def data_request(self, shop: Shop, key: int) -> Customer:
        """Send `customers/data_request`."""
        one = store.get_customer(self.world.db, shop, key)
        orders = [order.id for order in store.orders_of(self.world.db, key)]
        request = self.world.db.take("data request")
        self.action(shop).tell("customers/data_request", payloads.data_request(shop, one, orders, request))
        return one

    def _set(self, one: Customer, channel: str, state: str, level: str | None, *, at: str, collected_from: str) -> None:
        state = state.upper()
        if channel not in FIELD or state not in STATES[channel]:
            raise Refused("state", f"no such channel or state: {channel} {state}")
        if not (one.email if channel == "email" else one.phone):
            raise Refused("channel", "there is no address for this channel")
        level = level or {"SUBSCRIBED": "SINGLE_OPT_IN", "PENDING": "CONFIRMED_OPT_IN"}.get(state)
        old: Consent = getattr(one, FIELD[channel])
        setattr(one, FIELD[channel], Consent(state, level or old.level, at, collected_from))

    def _tell_consents(self, told: Action, shop: Shop, one: Customer, channels: Iterable[str]) -> None:
        for channel in channels:
            topic, payload = TOPIC[channel]
            told.tell(topic, payload(one, shop))
