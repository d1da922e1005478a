"""Orders, checkouts and guests: the same deliveries in any order, with any repeats, cut into any batches, give the same.

As in test_convergence: something is done in the store, and what it tells is taken in twice from the same beginning, once in
order and once at random. Besides what is held, the log must say the same happened, once each.
"""

import itertools
from functools import partial

import pytest
from django.db import connection, transaction
from hypothesis import given
from hypothesis import strategies as st
from tests.shopify.anyorder import LUCK, at_random, examples, in_order, with_losses

from sayso.sandbox.testing import SandboxError
from sayso.shopify.reading import refetch
from sayso.shops.tenancy import shop_context

NUMBERS = itertools.count(1)

which = st.integers(0, 3)
guest = st.sampled_from(["gia", "gus"])
act = st.one_of(
    st.tuples(st.just("start_checkout"), guest, st.fixed_dictionaries({"accepts_sms": st.booleans(), "number": st.booleans()})),
    st.tuples(st.just("buy"), guest, st.fixed_dictionaries({"accepts_sms": st.booleans(), "number": st.booleans()})),
    st.tuples(st.just("start_checkout"), st.just("ada"), st.just({})),
    st.tuples(st.just("update_checkout"), which, st.fixed_dictionaries({"accepts_sms": st.booleans()})),
    st.tuples(st.just("update_checkout"), which, st.fixed_dictionaries({"accepts_marketing": st.booleans()})),
    st.tuples(st.sampled_from(["complete_checkout", "complete_checkout", "delete_checkout"]), which, st.just({})),
    st.tuples(st.just("place_order"), guest, st.fixed_dictionaries({"number": st.booleans(), "accepts_marketing": st.booleans()})),
    st.tuples(st.just("place_order"), st.just("ada"), st.just({})),
    st.tuples(st.sampled_from(["cancel_order", "delete_order", "fulfil_order"]), which, st.just({})),
    st.tuples(st.just("fulfil_order"), which, st.just({"lines": 1})),
    st.tuples(st.sampled_from(["edit_order", "edit_order_lines"]), which, st.just({})),
    st.tuples(st.just("create_customer"), guest, st.fixed_dictionaries({"number": st.booleans()})),
)  # fmt: skip


@pytest.fixture(scope="module")
def variants(box):
    """Two variants of the store, so that an order can leave in two parcels."""
    nodes = box.graphql("{ productVariants(first: 2) { nodes { legacyResourceId } } }")["data"]["productVariants"][
        "nodes"
    ]
    return [int(node["legacyResourceId"]) for node in nodes]


class Play:
    """People of one example; nobody else of the store has their addresses."""

    def __init__(self, box, variants):
        self.box, self.variants, self.number = box, variants, next(NUMBERS)
        self.orders, self.checkouts, self.deleted_of_guests = [], [], False
        self.ada = int(
            box.action("create_customer", first="Ada", email=self.email("ada"), phone=self.phone("ada"))["id"]
        )

    def email(self, who):
        return f"{who}.{self.number}@example.com"

    def phone(self, who):
        return f"+49152{['ada', 'gia', 'gus'].index(who):02}{self.number:06}"

    def do(self, name, whom, arguments):
        if name == "buy":  # from the first page to the last, and a change of mind between
            self.do("start_checkout", whom, arguments)
            self.do("update_checkout", len(self.checkouts) - 1, {"accepts_sms": True})
            self.do("update_checkout", len(self.checkouts) - 1, {"accepts_sms": arguments["accepts_sms"]})
            self.do("complete_checkout", len(self.checkouts) - 1, {})
            return
        arguments = dict(arguments)
        number = arguments.pop("number", False)
        if name in {"start_checkout", "place_order", "create_customer"}:
            arguments |= self.person(name, whom, number, arguments)
        else:
            things = self.checkouts if "checkout" in name else self.orders
            if not things:
                return
            thing = things[whom % len(things)]
            if name == "edit_order":
                arguments["tags"] = ["gift"]
            elif name == "edit_order_lines":
                arguments["add"] = self.variants[:1]
            elif name == "delete_order":
                self.deleted_of_guests |= thing[1]
            elif arguments.get("accepts_sms"):
                arguments["sms_phone"] = self.phone(thing[1])
            arguments["token" if "checkout" in name else "order"] = thing[0]
        try:
            done = self.box.action(name, **arguments)
        except SandboxError as error:
            assert str(error).startswith("400")  # what nobody could do in the store either
            return
        if name == "start_checkout":
            self.checkouts.append((done["token"], whom))
        elif name == "place_order":
            self.orders.append((int(done["id"]), whom != "ada"))
        elif name == "complete_checkout":
            self.orders.append((int(done["id"]), dict(self.checkouts)[done["token"]] != "ada"))

    def person(self, name, whom, number, arguments):
        if whom == "ada":
            return {"customer": self.ada, "variants": self.variants}
        found = {"first": whom.title(), "email": self.email(whom), "phone": self.phone(whom) if number else None}
        if name != "create_customer":
            found["variants"] = self.variants
        if arguments.get("accepts_sms"):
            found["sms_phone"] = self.phone(whom)
        return found


HELD = {
    "contacts": """select c.email, c.first_name, c.shopify_customer_id, c.orders_count, c.total_spent, c.last_order_at
        from contact c where {mine} order by c.email, c.phone""",
    "orders": """select o.shopify_order_id, o.status, o.total, o.tags, o.cancelled_at, c.email,
        (select array_agg(l.variant_id order by l.position) from order_line l where l.order_id = o.id)
        from orders o left join contact c on c.id = o.contact_id where o.shopify_order_id = any(%(orders)s) order by 1""",
}
# What only a delivery tells, or tells in time.
HEARD = {
    "told": """select e.kind, c.email, e.data ->> 'name', e.data ->> 'fulfillment' from event e
        join orders o on o.id::text = e.data ->> 'order' left join contact c on c.id = e.contact_id
        where e.kind in ('order.created', 'order.cancelled', 'order.fulfilled') order by 1, 2, 3, 4""",
    "remembered": """select o.shopify_order_id, o.placed_told, o.cancelled_told,
        (select array_agg(f.tracking_numbers::text order by f.shopify_fulfillment_id) from fulfillment f
            where f.order_id = o.id and f.told) from orders o order by 1""",
    "checkouts": """select token, accepts_sms, sms_phone, accepts_email, total, completed_at is not null,
        deleted_at is not null, jsonb_array_length(lines) from checkout order by 1""",
}
TICKED = {
    "consents": """select c.email, c.phone, s.sms_state, s.email_state, s.whatsapp_state, s.sms_opt_in_at, s.email_opt_in_at,
        s.phone_out_at from contact c join consent_state s on s.contact_id = c.id where {mine} order by 1, 2""",
    "taken": "select token from checkout where consent_taken order by 1",
}


def dump(shop, play, queries):
    mine = f"c.email like '%%.{play.number}@example.com'"
    with shop_context(shop.pk), connection.cursor() as cursor:
        found = {}
        for name, query in queries.items():
            cursor.execute(query.format(mine=mine), {"orders": [number for number, _ in play.orders]})
            found[name] = cursor.fetchall()
        return found


@given(acts=st.lists(act, min_size=2, max_size=9), luck=LUCK, lost=st.booleans())
@examples(40)
def test_any_order_gives_the_same(listening, imported, drain, variants, acts, luck, lost):
    beginning = transaction.savepoint()
    listening.clear()
    play = Play(listening, variants)
    for one in acts:
        # Whom nobody told of before the deletion, nobody can be asked about after it.
        if not (lost and one[0].startswith("delete")):
            play.do(*one)
    # What the box of an order said that was deleted before it was heard of, nobody knows.
    queries = HELD | ({} if lost else HEARD) | ({} if lost or play.deleted_of_guests else TICKED)
    read, held = partial(refetch.refetch_now, imported.pk), partial(dump, imported, play, queries)
    sent, expected = in_order(listening, drain, read, held)
    if lost:
        with_losses(sent, drain, read, luck, imported)
    else:
        at_random(sent, drain, read, luck)
    found = held()
    for name in queries:
        assert found[name] == expected[name], name
    transaction.savepoint_rollback(beginning)
