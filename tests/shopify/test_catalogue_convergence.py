"""Deliveries of the catalogue in any order, with any repeats, cut into any batches, give the same catalogue.

As in test_convergence.py: something is done in the store, what it tells is collected, and taken in twice from the same
beginning: once in order, once at random, with readings in between and at the end.
"""

from functools import partial

from django.db import connection, transaction
from hypothesis import given
from hypothesis import strategies as st
from tests.shopify.anyorder import LUCK, at_random, examples, in_order, with_losses

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


LEVELS = """select inventory_item_id, location_id, connected, available from inventory_level
    where inventory_item_id = any(select inventory_item_id from variant where shopify_product_id = any(%(products)s))
    order by 1, 2"""
CATALOGUE = (
    """select shopify_product_id, title, handle, status, vendor, product_type, tags, description_html, image_url,
    online_store_url, is_gift_card, source_updated_at from product
    where deleted_at is null and shopify_product_id = any(%(products)s) order by 1""",
    """select shopify_variant_id, shopify_product_id, title, sku, price, compare_at_price, selected_options::text,
    inventory_item_id, inventory_policy, inventory_quantity, tracked, available_for_sale, source_updated_at from variant
    where deleted_at is null and shopify_product_id = any(%(products)s) order by 1""",
    """select shopify_collection_id, title, handle from collection
    where deleted_at is null and shopify_collection_id = %(collection)s""",
    """select m.shopify_product_id from collection_member m join product p using (shopify_product_id)
    where p.deleted_at is null and m.shopify_collection_id = %(collection)s order by 1""",
)


def dump(shop, play, statements):
    """The part of the catalogue that is there and of this example, without our own ids and clocks."""
    with shop_context(shop.pk), connection.cursor() as cursor:
        found = []
        for statement in statements:
            cursor.execute(statement, {"products": play.products, "collection": play.collection})
            found.append(cursor.fetchall())
    return found


@given(known=st.booleans(), acts=st.lists(act, min_size=1, max_size=8), luck=LUCK, lost=st.booleans())
@examples(25)
def test_any_order_gives_the_same(listening, imported, drain, known, acts, luck, lost):
    beginning = transaction.savepoint()
    listening.clear()
    play = Play(listening)
    if known:
        drain(listening.deliveries())
        refetch.refetch_now(imported.pk)
        listening.clear()
    for name, which, arguments in acts:
        play.do(name, which, arguments)
    read = partial(refetch.refetch_now, imported.pk)
    # What one location has is told by deliveries alone, and read by nobody: what counts is their sum, the variant's own.
    # Nor is an edit that changed nothing but the time.
    without_times = [statement.replace(", source_updated_at", "") for statement in CATALOGUE]
    held = partial(dump, imported, play, without_times if lost else [*CATALOGUE, LEVELS])
    sent, expected = in_order(listening, drain, read, held)
    if lost:
        with_losses(sent, drain, read, luck, imported)
    else:
        at_random(sent, drain, read, luck)
    assert held() == expected
    transaction.savepoint_rollback(beginning)


@given(luck=LUCK)
@examples(15)
def test_one_restock_is_told_once_in_any_order(listening, connected, drain, luck):
    beginning = transaction.savepoint()
    listening.clear()
    play = Play(listening)
    drain(listening.deliveries())
    read = partial(refetch.refetch_now, connected.pk)
    read()
    listening.clear()
    for available in (0, 5, 9):
        play.do("set_stock", 0, {"available": available})
    at_random(listening.deliveries(), drain, read, luck)
    with shop_context(connected.pk):
        [event] = Event.objects.filter(kind="variant.restocked")
    assert event.data["variant"] == str(play.variants[0])
    transaction.savepoint_rollback(beginning)
