"""Deliveries of the catalogue in any order, with any repeats, cut into any batches, give the same catalogue.

As in test_convergence.py: something is done in the store, what it tells is collected, and taken in twice from the same
beginning: once in order, once at random, with readings in between and at the end.
"""

import random

from django.db import connection, transaction
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from sayso.events.models import Event
from sayso.sandbox.testing import SandboxError
from sayso.shopify.reading import refetch
from sayso.shops.tenancy import shop_context

OTHER_LOCATION = 77
product = st.sampled_from([0, 1])
variant = st.sampled_from([0, 1, 2, 3])
act = st.one_of(
    st.tuples(
        st.just("edit_product"),
        product,
        st.fixed_dictionaries(
            {},
            optional={
                "title": st.sampled_from(["Tea", "Green Tea"]),
                "status": st.sampled_from(["ACTIVE", "DRAFT", "ARCHIVED"]),
                "tags": st.lists(st.sampled_from(["hot", "new"]), unique=True),
                "gift_card": st.booleans(),
                "add": st.just(["XL"]),
            },
        ),
    ),
    st.tuples(st.just("remove_variant"), variant, st.just({})),
    st.tuples(
        st.just("edit_variant"),
        variant,
        st.fixed_dictionaries(
            {}, optional={"price": st.integers(1, 9999), "tracked": st.booleans(), "policy": st.just("CONTINUE")}
        ),
    ),
    st.tuples(
        st.just("set_stock"),
        variant,
        st.fixed_dictionaries(
            {"available": st.sampled_from([-1, 0, 3, 8])}, optional={"location": st.just(OTHER_LOCATION)}
        ),
    ),
    st.tuples(
        st.sampled_from(["connect_location", "disconnect_location"]), variant, st.just({"location": OTHER_LOCATION})
    ),
    st.tuples(st.just("delete_product"), product, st.just({})),
    st.tuples(
        st.just("edit_collection"), product, st.sampled_from([{"add": True}, {"remove": True}, {"title": "Best"}])
    ),
    st.tuples(st.just("delete_collection"), st.none(), st.just({})),
)


class Play:
    """Two products of two variants each, and a collection, of one example."""

    def __init__(self, box):
        self.box = box
        made = [box.action("create_product", title="Tea", variants=["S", "M"], stock=2) for _ in range(2)]
        self.products = [one["id"] for one in made]
        self.variants = [one["id"] for product in made for one in product["variants"]]
        self.collection = box.action("create_collection", title="Hot", products=self.products[:1])["id"]

    def do(self, name, which, arguments):
        arguments = dict(arguments)
        if name.endswith("_collection"):
            arguments = {key: value if key == "title" else [self.products[which]] for key, value in arguments.items()}
            arguments["collection"] = self.collection
        elif name == "remove_variant":
            name, arguments = "edit_product", {
                "product": self.products[which // 2], "remove": [self.variants[which]]
            }  # fmt: skip
        elif name.endswith("_product"):
            arguments["product"] = self.products[which]
        else:
            arguments["variant"] = self.variants[which]
        try:
            self.box.action(name, **arguments)
        except SandboxError as error:
            assert str(error).startswith("400")  # the store refuses what nobody could do there either


def dump(shop):
    """The catalogue that is there, without our own ids and clocks."""
    with shop_context(shop.pk), connection.cursor() as cursor:
        found = []
        for statement in (
            """select shopify_product_id, title, handle, status, vendor, product_type, tags, description_html, image_url,
            online_store_url, is_gift_card, source_updated_at from product where deleted_at is null order by 1""",
            """select v.shopify_variant_id, v.shopify_product_id, v.title, v.sku, v.price, v.compare_at_price,
            v.selected_options::text, v.inventory_item_id, v.inventory_policy, v.inventory_quantity, v.tracked,
            v.available_for_sale, v.source_updated_at from variant v
            where v.deleted_at is null order by 1""",
            """select inventory_item_id, location_id, connected, available from inventory_level order by 1, 2""",
            """select shopify_collection_id, title, handle from collection where deleted_at is null order by 1""",
            """select m.shopify_collection_id, m.shopify_product_id from collection_member m
            join product p using (shopify_product_id) where p.deleted_at is null order by 1, 2""",
        ):
            cursor.execute(statement)
            found.append(cursor.fetchall())
    return found


@given(known=st.booleans(), acts=st.lists(act, min_size=1, max_size=8), luck=st.integers(0, 2**32))
@settings(
    max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow]
)
def test_any_order_gives_the_same(listening, connected, drain, known, acts, luck):
    beginning = transaction.savepoint()
    listening.clear()
    play = Play(listening)
    if known:
        drain(listening.deliveries())
        refetch.refetch_now(connected.pk)
        listening.clear()
    for name, which, arguments in acts:
        play.do(name, which, arguments)
    sent = sorted(listening.deliveries(), key=lambda delivery: delivery.id)
    before = transaction.savepoint()

    for delivery in sent:
        drain([delivery])
    refetch.refetch_now(connected.pk)
    in_order = dump(connected)
    transaction.savepoint_rollback(before)

    chance = random.Random(luck)
    shuffled = sent + chance.sample(sent, k=len(sent) // 2)
    chance.shuffle(shuffled)
    while shuffled:
        size = chance.randint(1, len(shuffled))
        batch, shuffled = shuffled[:size], shuffled[size:]
        drain(batch)
        if chance.random() < 0.3:
            refetch.refetch_now(connected.pk)
    refetch.refetch_now(connected.pk)
    assert dump(connected) == in_order
    transaction.savepoint_rollback(beginning)


@given(luck=st.integers(0, 2**32), repeats=st.integers(0, 6))
@settings(
    max_examples=15, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow]
)
def test_one_restock_is_told_once_in_any_order(listening, connected, drain, luck, repeats):
    beginning = transaction.savepoint()
    listening.clear()
    play = Play(listening)
    drain(listening.deliveries())
    refetch.refetch_now(connected.pk)
    listening.clear()
    for available in (0, 5, 9):
        play.do("set_stock", 0, {"available": available})
    sent = listening.deliveries()
    chance = random.Random(luck)
    shuffled = sent + chance.choices(sent, k=repeats)
    chance.shuffle(shuffled)
    while shuffled:
        size = chance.randint(1, len(shuffled))
        batch, shuffled = shuffled[:size], shuffled[size:]
        drain(batch)
        if chance.random() < 0.3:
            refetch.refetch_now(connected.pk)
    refetch.refetch_now(connected.pk)
    with shop_context(connected.pk):
        [event] = Event.objects.filter(kind="variant.restocked")
    assert event.data["variant"] == str(play.variants[0])
    transaction.savepoint_rollback(beginning)
