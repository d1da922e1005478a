"""The one writer of orders. A batch is staged by COPY and applied by ``sql/20_apply.sql``."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
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
GUEST_FIELDS = frozenset({"first_name", "last_name", "email", "phone", "locale", "country"})


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
    with connection.cursor() as cursor:
        cursor.execute("select * from commerce_apply(%s, %s)", [run, bulk])
        applied = [AppliedOrder(*row) for row in cursor.fetchall()]
    staging.drop_run(run, "orders", "order_line")
    if owners:
        _figure_guests({order.contact_id for order in applied if order.contact_id} & set(owners.values()), bulk=bulk)
    return applied


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
            and o.shopify_customer_id = c.shopify_customer_id""",
            [changed],
        )


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
    return {seq: result.contact_id for seq, result in zip(positions, applied, strict=True)}


def _figure_guests(contacts: set[int], *, bulk: bool) -> None:
    """Guests have no lifetime figures at Shopify; theirs are summed over orders neither cancelled nor test."""
    unlinked = Contact.objects.filter(pk__in=contacts, shopify_customer_id=None).values_list("pk", flat=True)
    counted = Q(cancelled_at=None, test=False)
    sums = (
        Order.objects.filter(contact_id__in=list(unlinked))
        .values("contact_id")
        .annotate(
            orders=Count("pk", filter=counted),
            spent=Sum("total", filter=counted),
            last=Max("placed_at", filter=counted),
            at=Max("source_updated_at"),
        )
    )
    apply_contacts(
        (
            ContactChange(
                source=Source.ORDER,
                at=row["at"],
                contact_id=row["contact_id"],
                figures=Figures(row["orders"], row["spent"] or Decimal(0), row["last"]),
            )
            for row in sums
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
