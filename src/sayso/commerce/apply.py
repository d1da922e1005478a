"""The one writer of orders. A batch is staged by COPY and applied by ``sql/20_apply.sql``."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal

from django.db import connection
from django.db.models import Count, Max, Q, Sum

from sayso.contacts.apply import Applied
from sayso.contacts.apply import apply as apply_contacts
from sayso.contacts.changes import ContactChange, Figures, Profile, Source
from sayso.contacts.models import Contact
from sayso.shops import staging

from .changes import OrderChange
from .models import Order

COLUMNS = (
    "run", "seq", "contact_id", "shopify_order_id", "shopify_customer_id", "name", "number", "email", "phone", "status",
    "financial_status", "fulfillment_status", "total", "currency", "test", "source_name", "tags", "checkout_token",
    "status_url", "placed_at", "cancelled_at", "cancel_reason", "at", "sequence",
)  # fmt: skip
LINE_COLUMNS = (
    "run", "seq", "position", "product_id", "variant_id", "title", "variant_title", "vendor", "sku", "quantity", "price",
)  # fmt: skip
FULFILLMENT_COLUMNS = (
    "run", "seq", "shopify_fulfillment_id", "status", "shipment_status", "tracking_company", "tracking_numbers",
    "tracking_urls", "shipped_at",
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class AppliedOrder:
    """What became of an order that was written; one that held nothing newer is not listed."""

    shopify_order_id: int
    order_id: int
    contact_id: int | None
    created: bool


def apply(changes: Iterable[OrderChange], *, bulk: bool = False, guests: bool = True) -> list[AppliedOrder]:
    """Apply orders of the current shop. Needs a transaction with a shop.

    A guest's contact is found or made by e-mail, then phone; without ``guests`` their orders stay nobody's. An order whose
    customer is not known yet is kept and is linked when the customer comes (:func:`link_waiting`).
    """
    changes = list(changes)
    owners = _guests(changes, bulk=bulk) if guests else {}
    run = staging.new_run()
    staging.copy_in("orders", COLUMNS, (_line(run, seq, change, owners.get(seq)) for seq, change in enumerate(changes)))
    staging.copy_in(
        "order_line", LINE_COLUMNS, (line for seq, change in enumerate(changes) for line in _lines(run, seq, change))
    )
    staging.copy_in(
        "fulfillment",
        FULFILLMENT_COLUMNS,
        (one for seq, change in enumerate(changes) for one in _parcels(run, seq, change)),
    )
    with connection.cursor() as cursor:
        cursor.execute("select * from commerce_apply(%s, %s)", [run, bulk])
        applied = [AppliedOrder(*row) for row in cursor.fetchall()]
        cursor.execute("select commerce_apply_fulfillments(%s, %s)", [run, bulk])
        # Of a new order of an import the log says all there is already.
        rest = [order.order_id for order in applied if not (bulk and order.created)]
        if rest:
            known = [order.order_id for order in applied if not order.created]
            cursor.execute("select commerce_tell(%s, %s, %s)", [rest, known, bulk])
    staging.drop_run(run, "orders", "order_line", "fulfillment")
    if owners:
        _figure_guests({order.contact_id for order in applied if order.contact_id} & set(owners.values()), bulk=bulk)
    return applied


def delete(orders: Mapping[int, datetime]) -> set[int]:
    """Remove orders that the store deleted: Shopify's ids, and when. Answers the customers whose figures that changes.

    Needs a transaction with a shop; take out before others are applied in it, for it waits until it is alone.
    """
    with connection.cursor() as cursor:
        cursor.execute("select * from commerce_delete(%s, %s)", [list(orders), list(orders.values())])
        whose = cursor.fetchall()
    _figure_guests({contact_id for contact_id, _ in whose if contact_id}, bulk=False)
    return {customer_id for _, customer_id in whose if customer_id}


def link_waiting(applied: Sequence[Applied]) -> None:
    """Give orders that came before their customer to the contacts that are that customer now: made for it, or a guest
    who became one."""
    changed = [result.contact_id for result in applied if result.created or result.updated]
    if not changed:
        return
    with connection.cursor() as cursor:
        cursor.execute(
            """update orders o set contact_id = c.id from contact c
            where c.id = any(%s) and o.shop_id = c.shop_id and o.contact_id is null
            and o.shopify_customer_id = c.shopify_customer_id returning o.id""",
            [changed],
        )
        if linked := [order_id for (order_id,) in cursor.fetchall()]:
            cursor.execute("select commerce_tell(%s, '{}', false)", [linked])


def _guests(changes: list[OrderChange], *, bulk: bool) -> dict[int, int]:
    """Contacts of the orders without a customer, by position."""
    positions = [
        seq
        for seq, change in enumerate(changes)
        if change.shopify_customer_id is None and (change.email or change.phone)
    ]
    if positions:  # whose order it was may be erased: its next update makes no guest of that person again
        orders = [changes[seq].shopify_order_id for seq in positions]
        erased = set(
            Order.objects.filter(shopify_order_id__in=orders, redacted_at__isnull=False).values_list(
                "shopify_order_id", flat=True
            )
        )
        positions = [seq for seq in positions if changes[seq].shopify_order_id not in erased]
    applied = apply_contacts(
        (
            ContactChange(
                source=Source.GUEST,
                at=change.at,
                sequence=change.sequence,
                profile=Profile(
                    first_name=change.first_name,
                    last_name=change.last_name,
                    email=change.email,
                    phone=change.phone,
                    locale=change.locale,
                    country=change.country,
                ),
                # An order only finds a contact and fills a new one; what a customer record says is not touched.
                fields=frozenset(),
            )
            for change in (changes[seq] for seq in positions)
        ),
        bulk=bulk,
    )
    guests = {seq: result.contact_id for seq, result in zip(positions, applied, strict=True)}
    _fill_blanks({seq: changes[seq] for seq in positions}, guests, bulk=bulk)
    return guests


BLANKS = ("first_name", "last_name", "email", "phone", "locale", "country")


def _fill_blanks(orders: Mapping[int, OrderChange], guests: Mapping[int, int], *, bulk: bool) -> None:
    """What another order of a guest lacked: a guest of two orders has the number of either, whichever came first."""
    held = {
        row["pk"]: row
        for row in Contact.objects.filter(
            pk__in=set(guests.values()),
            source=Source.GUEST,
            shopify_customer_id=None,
            redacted_at=None,
            deleted_at=None,
        ).values("pk", *BLANKS)
    }
    fills = []
    for seq, order in orders.items():
        row = held.get(guests[seq])
        blank = [name for name in BLANKS if row and not row[name] and getattr(order, name)]
        if row and blank:
            given = {name: getattr(order, name) for name in blank}
            row.update(given)
            fills.append(
                ContactChange(
                    source=Source.GUEST, contact_id=row["pk"], profile=Profile(**given), fields=frozenset(blank)
                )
            )
    if fills:
        apply_contacts(fills, bulk=bulk)


def _figure_guests(contacts: set[int], *, bulk: bool) -> None:
    """Guests have no lifetime figures at Shopify; theirs are summed over orders neither cancelled nor test. The sum
    carries no time: made anew it holds, and gives way to whatever Shopify says of the customer the guest becomes."""
    unlinked = list(Contact.objects.filter(pk__in=contacts, shopify_customer_id=None).values_list("pk", flat=True))
    if not unlinked:
        return
    counted = Q(cancelled_at=None, test=False)
    rows = (
        Order.objects.filter(contact_id__in=unlinked)
        .values("contact_id")
        .annotate(
            orders=Count("pk", filter=counted),
            spent=Sum("total", filter=counted),
            last=Max("placed_at", filter=counted),
        )
    )
    sums = {row["contact_id"]: Figures(row["orders"], row["spent"] or Decimal(0), row["last"]) for row in rows}
    apply_contacts(
        (
            ContactChange(source=Source.ORDER, contact_id=contact_id, figures=sums.get(contact_id, Figures()))
            for contact_id in unlinked
        ),
        bulk=bulk,
    )


def _line(run: int, seq: int, change: OrderChange, contact_id: int | None) -> str:
    text, number, moment = staging.text, staging.number, staging.moment
    return "\t".join(
        (
            str(run), str(seq), number(contact_id), str(change.shopify_order_id), number(change.shopify_customer_id),
            text(change.name), number(change.number), text(change.email), text(change.phone), change.status,
            text(change.financial_status), text(change.fulfillment_status), str(change.total), text(change.currency),
            staging.flag(change.test), text(change.source_name), staging.array(change.tags), text(change.checkout_token),
            text(change.status_url), moment(change.placed_at), moment(change.cancelled_at), text(change.cancel_reason),
            moment(change.at), str(change.sequence),
        )
    )  # fmt: skip


def _lines(run: int, seq: int, change: OrderChange) -> Iterable[str]:
    text, number = staging.text, staging.number
    for position, line in enumerate(change.lines):
        yield "\t".join(
            (
                str(run), str(seq), str(position), number(line.product_id), number(line.variant_id), text(line.title),
                text(line.variant_title), text(line.vendor), text(line.sku), str(line.quantity), str(line.price),
            )
        )  # fmt: skip


def _parcels(run: int, seq: int, change: OrderChange) -> Iterable[str]:
    text = staging.text
    for one in change.fulfillments:
        yield "\t".join(
            (
                str(run), str(seq), str(one.shopify_fulfillment_id), one.status, text(one.shipment_status),
                text(one.tracking_company), staging.array(one.tracking_numbers), staging.array(one.tracking_urls),
                staging.moment(one.shipped_at),
            )
        )  # fmt: skip
