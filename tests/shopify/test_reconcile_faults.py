"""Deliveries get lost; reconciliation finds what that left behind, no more and no less, and mends it.

The store does a few hundred random things while three of a hundred deliveries are lost. What then differs is worked out
here from the sandbox's own records, by other code than the program's.
"""

from __future__ import annotations

import itertools
import random
from datetime import UTC, datetime, timedelta

import pytest

from sayso.commerce.models import Order
from sayso.consent.models import ConsentState
from sayso.contacts.models import Contact
from sayso.sandbox.testing import SandboxError
from sayso.shopify.models import SyncDrift, SyncStep
from sayso.shopify.reading import refetch
from sayso.shopify.reconciliation import reconcile
from sayso.shops.tenancy import shop_context

ACTS = 300
LOST = 0.03
VALUES = {"NEVER_SUBSCRIBED": "NOT_SUBSCRIBED"}


NUMBERS = itertools.count(1)
"""The sandbox outlives a test, and takes an e-mail address once."""


class Play:
    """Random acts on a handful of customers and orders."""

    def __init__(self, box, chance):
        self.box, self.chance, self.customers, self.orders, self.made = box, chance, [], [], 0
        self.minutes = 0

    def customer(self):
        self.made += 1
        given = {"first": "Person", "last": str(self.made), "email": f"p{next(NUMBERS)}@plays.example.org"}
        one = self.box.action("create_customer", **given, phone=f"+4915{self.chance.randrange(10**9):09}", country="DE")
        self.customers.append(int(one["id"]))

    def later(self):
        """Another moment each time: two acts of one second are a tie, which an opt-out wins."""
        self.minutes += 1
        return f"{datetime(2026, 10, 1, tzinfo=UTC) + timedelta(minutes=self.minutes):%Y-%m-%dT%H:%M:%SZ}"

    def act(self):
        kind = self.chance.choice(
            ["customer", "edit", "address", "tags", "untags", "consent", "consent", "order", "guest", "cancel", "fulfil",
             "retag", "delete"]
        )  # fmt: skip
        who = self.chance.choice(self.customers)
        order = self.chance.choice(self.orders) if self.orders else None
        if kind == "customer":
            return self.customer()
        if kind in {"cancel", "fulfil", "retag"} and order is None:
            return None
        if kind == "delete" and len(self.customers) < 8:
            return None
        acts = {
            "edit": lambda: ("edit_customer", {"customer": who, "first": self.chance.choice(["Ada", "Eve", "Joe", "Mia"])}),
            "address": lambda: (
                "edit_customer", {"customer": who, "phone": f"+4916{self.chance.randrange(10**9):09}"},
            ),
            "tags": lambda: ("add_tags", {"customer": who, "tags": [self.chance.choice(["vip", "b2b", "new", "old"])]}),
            "untags": lambda: ("remove_tags", {"customer": who, "tags": [self.chance.choice(["vip", "b2b", "new"])]}),
            "consent": lambda: (
                "set_consent",
                {"customer": who, "channel": self.chance.choice(["sms", "whatsapp", "email"]),
                 "state": self.chance.choice(["SUBSCRIBED", "UNSUBSCRIBED", "PENDING"]), "at": self.later()},
            ),
            "order": lambda: ("place_order", {"customer": who}),
            "guest": lambda: ("place_order", {"first": "Guest", "email": f"g{self.chance.randrange(10**6)}@example.org"}),
            "cancel": lambda: ("cancel_order", {"order": order}),
            "fulfil": lambda: ("fulfil_order", {"order": order}),
            "retag": lambda: ("edit_order", {"order": order, "tags": [self.chance.choice(["gift", "rush"])]}),
            "delete": lambda: ("delete_customer", {"customer": who}),
        }  # fmt: skip
        name, arguments = acts[kind]()
        try:
            done = self.box.action(name, **arguments)
        except SandboxError as error:
            assert str(error).startswith("400")  # the store refuses what nobody could do there either
            return None
        if name == "place_order":
            self.orders.append(int(done["id"]))
        if name == "delete_customer":
            self.customers.remove(who)
        return None


def at_the_store(box, play):
    """Customer id → facts, and order id → facts, as the sandbox's control API tells them."""
    customers, orders = {}, {}
    for number in play.customers:
        told = box.get(f"customers/{number}")
        one = told["customer"]
        consents = {
            channel: VALUES.get(one[key][0], one[key][0])
            for channel, key in (("sms", "sms"), ("whatsapp", "whatsapp"), ("email", "mail"))
            if key in one and (one.get("phone") if key != "mail" else one.get("email"))
        }
        customers[number] = {
            "first_name": one.get("first"), "email": one.get("email"), "phone": one.get("phone"),
            "tags": sorted(one.get("tags", [])), "orders_count": one.get("orders", 0),
        } | {f"{channel}_consent": value for channel, value in consents.items() if value != "NOT_SUBSCRIBED"}  # fmt: skip
    nodes = box.graphql(
        "query($ids: [ID!]!) { nodes(ids: $ids) { ... on Order { id tags cancelledAt displayFulfillmentStatus } } }",
        {"ids": [f"gid://shopify/Order/{number}" for number in play.orders]},
    )["data"]["nodes"]
    for number, node in zip(play.orders, nodes, strict=True):
        orders[number] = {
            "tags": sorted(node["tags"]),
            "cancelled_at": node["cancelledAt"] is not None,
            "fulfillment_status": node["displayFulfillmentStatus"],
        }
    return customers, orders


def here(shop, customers, orders):
    """The same, of the same ids, as the program holds it; those it does not hold are left out."""
    with shop_context(shop.pk):
        contacts = {one.shopify_customer_id: one for one in Contact.objects.filter(shopify_customer_id__in=customers)}
        states = ConsentState.objects.in_bulk([one.pk for one in contacts.values()])
        held = {}
        for number, one in contacts.items():
            state = states.get(one.pk)
            held[number] = {
                "first_name": one.first_name, "email": one.email, "phone": one.phone, "tags": sorted(one.tags),
                "orders_count": one.orders_count,
            } | {
                f"{channel}_consent": getattr(state, f"{channel}_shop_value")
                for channel in ("sms", "whatsapp", "email")
                if f"{channel}_consent" in customers[number]
            }  # fmt: skip
        rows = Order.objects.filter(shopify_order_id__in=orders)
        held_orders = {
            row.shopify_order_id: {
                "tags": sorted(row.tags),
                "cancelled_at": row.cancelled_at is not None,
                "fulfillment_status": row.fulfillment_status,
            }
            for row in rows
        }
        gone = set(
            Contact.objects.filter(deleted_at__isnull=True, shopify_customer_id__isnull=False)
            .exclude(shopify_customer_id__in=customers)
            .values_list("shopify_customer_id", flat=True)
        )
    return held, held_orders, gone


def drift(shop, box, play, everybody):
    """What differs, as (kind, id, field): "" for one that is missing, "gone" for one that is too many."""
    customers, orders = at_the_store(box, play)
    held, held_orders, left = here(shop, customers, orders)
    found = {("customers", number, "gone") for number in left & everybody}
    for kind, told, have in (("customers", customers, held), ("orders", orders, held_orders)):
        for number, facts in told.items():
            if number not in have:
                found.add((kind, number, ""))
            else:
                found |= {(kind, number, name) for name, value in facts.items() if have[number][name] != value}
    return found


FIELDS = {"first_name", "email", "phone", "tags", "orders_count", "sms_consent", "whatsapp_consent", "email_consent",
          "cancelled_at", "fulfillment_status", "", "gone"}  # fmt: skip


@pytest.mark.parametrize(("seed", "share"), [(1, LOST), (2, LOST), (3, 0.6), (4, 0.0)])
def test_what_was_lost_is_found_and_nothing_differs_afterwards(listening, imported, drain, seed, share):
    chance = random.Random(seed)
    play = Play(listening, chance)
    for _ in range(10):
        play.customer()
    listening.settings(shopify={"hold": True, "lose": share})
    everybody = set()
    for _ in range(ACTS):
        play.act()
        everybody |= set(play.customers)
    lost = listening.deliveries("lost")
    assert bool(lost) is bool(share)
    sent = listening.deliveries()
    chance.shuffle(sent)
    while sent:
        size = chance.randint(1, 60)
        batch, sent = sent[:size], sent[size:]
        drain(batch)
        refetch.refetch_now(imported.pk)
    before = drift(imported, listening, play, everybody)
    assert before if share > 0.5 else not before or lost

    run_id = reconcile.start(imported.pk)
    assert reconcile.run(imported.pk, run_id, settle=timedelta(0)) == "COMPLETE"
    with shop_context(imported.pk):
        rows = SyncDrift.objects.filter(run_id=run_id)
        told = {(row.kind, row.shopify_id, "gone" if row.what == "EXTRA" else row.field) for row in rows}
        left = list(rows.filter(mended=False).values_list("field", "held", "told", "shopify_id"))
        assert not left, "\n".join(map(str, left))
    mine = {row for row in told if row[1] in everybody | set(play.orders) and row[2] in FIELDS}
    assert mine == before, (mine - before, before - mine)
    assert drift(imported, listening, play, everybody) == set()
    # Everything found is of somebody of whom something was lost.
    losers = set()
    for delivery in lost:
        body = delivery.json
        for key in ("id", "customer_id", "customerId"):
            if key in body:
                losers.add(int(str(body[key]).rpartition("/")[2]))
        if body.get("customer"):
            losers.add(int(body["customer"]["id"]))
    assert {row[1] for row in mine} <= losers

    again = reconcile.start(imported.pk, full=True)
    reconcile.run(imported.pk, again, settle=timedelta(0))
    with shop_context(imported.pk):
        assert list(SyncDrift.objects.filter(run_id=again).values("kind", "field", "held", "told", "shopify_id")) == []
        assert all(step.difference in (0, None) for step in SyncStep.objects.filter(run_id=again))
