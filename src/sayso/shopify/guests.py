"""What guests agreed to while buying (features §8.5). A guest is no customer of the store, so nothing else tells it.

The box for e-mail stands in the order, that for SMS with its number in the checkout. Either counts once there is the order
that came of it; and of the checkout only its last picture, for a box can be unticked again before the purchase.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import datetime
from typing import NamedTuple

from django.db import connection

from sayso.commerce.apply import AppliedOrder
from sayso.commerce.changes import OrderChange
from sayso.commerce.models import Checkout
from sayso.consent import inferred, wordings
from sayso.consent.events import Channel, ConsentEvent, State
from sayso.consent.models import ConsentState
from sayso.consent.record import record
from sayso.contacts.apply import apply as apply_contacts
from sayso.contacts.changes import ContactChange, Profile, Source
from sayso.contacts.phones import normalise
from sayso.shops.models import Shop
from sayso.shops.tenancy import current_shop_id

SOURCE = "guest_checkout"
SETTLED = "4 hours"
"""So long Shopify repeats a delivery; after that no newer picture of a checkout is on its way."""
RECENT = "7 days"
CHUNK = 1_000


class _Ticked(NamedTuple):
    """A checkout whose guest order is there, and whom it made."""

    checkout_id: int
    accepts_sms: bool
    sms_phone: str | None
    country: str | None
    own_number: bool  # the contact's number is the one the buyer gave as theirs
    locale: str | None
    order_id: int
    order_name: str
    placed_at: datetime
    contact_id: int
    has_phone: bool
    is_customer: bool


_WAITING = f"""
    select c.id, c.accepts_sms, c.sms_phone, c.country, c.own_phone and c.phone_key = who.phone_key, c.locale,
        o.shopify_order_id, o.name, o.placed_at, who.id, who.phone_key is not null, who.shopify_customer_id is not null
    from checkout c
    join lateral (
        select o.* from orders o where o.shop_id = c.shop_id and o.checkout_token = c.token
        and o.shopify_customer_id is null and o.contact_id is not null and o.redacted_at is null
        order by o.shopify_order_id limit 1
    ) o on true
    join contact who on who.shop_id = c.shop_id and who.id = o.contact_id and who.redacted_at is null
    where not c.consent_taken and c.accepts_sms is not null and {{which}}
    -- Both in whole seconds: a picture of the second of the purchase may be one before it.
    and (c.completed_at is not null or c.source_updated_at > o.placed_at
        or c.source_updated_at < now() - interval '{SETTLED}')
    order by c.id limit {CHUNK} for update of c
"""  # noqa: S608 (the parts are ours)


def take(tokens: Iterable[str], *, bulk: bool = False) -> int:
    """Record what was ticked for SMS in the checkouts with these tokens, where their order is there; answers how many
    that were. In the caller's transaction; again it records nothing."""
    named = sorted(set(tokens))
    return _take("c.token = any(%s)", [named], bulk=bulk) if named else 0


def take_waiting() -> int:
    """The same for all checkouts of the last days, for those whose order and last picture did not see each other."""
    return _take(f"c.source_updated_at > now() - interval '{RECENT}'", [], bulk=False)


def _take(which: str, parameters: Sequence[list[str]], *, bulk: bool) -> int:
    with connection.cursor() as cursor:
        cursor.execute(_WAITING.format(which=which), parameters)
        ticked = [_Ticked(*row) for row in cursor.fetchall()]
    if not ticked:
        return 0
    country = Shop.objects.values_list("country", flat=True).get(pk=current_shop_id())
    numbers = {
        one.checkout_id: normalise(one.sms_phone, one.country or country).e164
        for one in ticked
        if one.accepts_sms and one.sms_phone
    }
    _give_numbers(ticked, numbers, bulk=bulk)
    events = [*_opt_ins(ticked, numbers), *_absences(ticked)]
    record(events, bulk=bulk, contacts=[one.contact_id for one in ticked], report=False)
    inferred.infer([one.contact_id for one in ticked], bulk=bulk)
    Checkout.objects.filter(pk__in=[one.checkout_id for one in ticked]).update(consent_taken=True)
    return len(ticked)


def _give_numbers(ticked: Sequence[_Ticked], numbers: dict[int, str | None], *, bulk: bool) -> None:
    """A guest whose orders had no number at all has the one they ticked for."""
    apply_contacts(
        (
            ContactChange(
                source=Source.GUEST,
                contact_id=one.contact_id,
                profile=Profile(phone=numbers[one.checkout_id]),
                fields=frozenset({"phone"}),
            )
            for one in ticked
            if not one.has_phone and not one.is_customer and numbers.get(one.checkout_id)
        ),
        bulk=bulk,
    )


def _opt_ins(ticked: Sequence[_Ticked], numbers: dict[int, str | None]) -> list[ConsentEvent]:
    given = [one for one in ticked if numbers.get(one.checkout_id)]
    shown = wordings.at_many(wordings.CHECKOUT, [(Channel.SMS, one.locale, one.placed_at) for one in given])
    return [
        ConsentEvent(
            contact_id=one.contact_id,
            channel=Channel.SMS,
            event="SHOP_SUBSCRIBED",
            occurred_at=one.placed_at,
            source=SOURCE,
            actor_kind="customer",
            address=numbers[one.checkout_id],
            wording_version=wording.name if wording else None,
            language=wording.language if wording else one.locale,
            evidence={"reference": str(one.order_id), "order": one.order_name}
            | ({"wording": wording.text} if wording else {}),
        )
        for one, wording in zip(given, shown, strict=True)
    ]


def _absences(ticked: Sequence[_Ticked]) -> list[ConsentEvent]:
    """An empty box is no opt-out. It says something only of a number that the buyer gave as theirs; of customers the
    store itself tells."""
    return [
        _absent(one.contact_id, Channel.SMS)
        for one in ticked
        if not one.accepts_sms and one.own_number and not one.is_customer
    ]


def _absent(contact_id: int, channel: Channel, address: str | None = None) -> ConsentEvent:
    return ConsentEvent(
        contact_id=contact_id,
        channel=channel,
        event="SHOP_NOT_SUBSCRIBED",
        occurred_at=None,
        source=SOURCE,
        actor_kind="customer",
        shop_value=State.NOT_SUBSCRIBED,
        address=address,
    )


def of_orders(changes: Sequence[OrderChange], applied: Sequence[AppliedOrder]) -> list[ConsentEvent]:
    """The ticked or empty box for e-mail of those who are no customers.

    Every update of an order tells it again; only what the state does not hold yet is an event.
    """
    contacts = {order.shopify_order_id: order.contact_id for order in applied if order.contact_id}
    states = {
        contact_id: (state, opted_in_at)
        for contact_id, state, opted_in_at in ConsentState.objects.filter(contact_id__in=contacts.values()).values_list(
            "contact_id", "email_state", "email_opt_in_at"
        )
    }
    events = []
    for change in changes:
        contact_id = contacts.get(change.shopify_order_id)
        if (
            change.shopify_customer_id is None
            and contact_id
            and change.email
            and change.buyer_accepts_email is not None
        ):
            del contacts[change.shopify_order_id]  # once an order
            state, opted_in_at = states.get(contact_id, (State.UNKNOWN, None))
            known = (
                opted_in_at is not None and opted_in_at >= change.placed_at.replace(microsecond=0)
                if change.buyer_accepts_email
                else state != State.UNKNOWN
            )
            if not known:
                events.append(_of_order(change, contact_id))
    return events


def _of_order(change: OrderChange, contact_id: int) -> ConsentEvent:
    if not change.buyer_accepts_email:
        return _absent(contact_id, Channel.EMAIL, change.email)
    return ConsentEvent(
        contact_id=contact_id,
        channel=Channel.EMAIL,
        event="SHOP_SUBSCRIBED",
        occurred_at=change.placed_at,
        source=SOURCE,
        actor_kind="customer",
        address=change.email,
        evidence={"reference": str(change.shopify_order_id)},
    )
