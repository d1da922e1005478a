"""The catalogue: facts with times of their own, lists of variants, membership told from two sides, restocks told once."""

from __future__ import annotations

import itertools
from datetime import UTC, datetime, timedelta
from decimal import Decimal

import pytest
from django.db import transaction

from sayso.commerce.apply import apply as apply_orders
from sayso.commerce.catalogue import apply
from sayso.commerce.catalogue_changes import (
    Catalogue,
    CollectionChange,
    LevelChange,
    ProductChange,
    ProductDetails,
    ProductFacts,
    VariantChange,
)
from sayso.commerce.changes import LineChange, OrderChange
from sayso.commerce.models import Collection, CollectionMember, InventoryLevel, OrderLine, Product, Variant
from sayso.events.models import Event

pytestmark = pytest.mark.usefixtures("shop")

T0 = datetime(2026, 11, 1, 12, 0, tzinfo=UTC)
TEA, BAG, BOX = 9_007_199_254_740_995, 9_007_199_254_741_001, 9_007_199_254_741_003  # beyond 2^53


def at(minutes: float) -> datetime:
    return T0 + timedelta(minutes=minutes)


def product(
    minutes: float = 0, sequence: int = 0, *, variants: list[int] | None = None, **facts: object
) -> ProductChange:
    told = ProductFacts(**{"title": "Tea", "handle": "tea", "status": "ACTIVE", "tags": ["green"]} | facts)
    return ProductChange(TEA, at(minutes), sequence, facts=told, variant_ids=variants)


def gone(minutes: float) -> ProductChange:
    return ProductChange(TEA, at(minutes), deleted=True)


def variant(minutes: float = 0, quantity: int = 5, number: int = BAG, **fields: object) -> VariantChange:
    return VariantChange(
        number, TEA, at(minutes), title="Bag", price=Decimal("19.990"), inventory_quantity=quantity,
        inventory_policy="DENY", **fields,
    )  # fmt: skip


def batch(*changes: object) -> Catalogue:
    made = Catalogue()
    for change in changes:
        lists = {ProductChange: made.products, VariantChange: made.variants, CollectionChange: made.collections}
        lists.get(type(change), made.levels).append(change)
    return made


def alive() -> tuple[list[tuple], list[tuple]]:
    return (
        list(Product.objects.filter(deleted_at=None).values_list("shopify_product_id", "title", "tags")),
        list(
            Variant.objects.filter(deleted_at=None)
            .order_by("shopify_variant_id")
            .values_list("shopify_variant_id", "inventory_quantity", "price")
        ),
    )


def restocks() -> int:
    return Event.objects.filter(kind="variant.restocked").count()


def every_order(changes: list[object]) -> set[str]:
    """What is there at the end, for every order of arrival, with each change arriving twice."""
    ends = set()
    for arrival in itertools.permutations(changes):
        before = transaction.savepoint()
        for change in (*arrival, *arrival):
            apply(batch(change) if not isinstance(change, tuple) else batch(*change))
        ends.add(repr(alive()))
        transaction.savepoint_rollback(before)
    return ends


def test_a_product_with_variants_is_kept_exactly():
    [applied] = apply(batch(product(variants=[BAG]), variant(compare_at_price=Decimal("24.995"))))
    assert (applied.shopify_id, applied.created) == (TEA, True)
    bag = Variant.objects.get()
    assert (bag.price, bag.compare_at_price, bag.currency) == (Decimal("19.990"), Decimal("24.995"), "EUR")
    assert bag.available_for_sale
    [applied] = apply(batch(product(1, title="Teas")))
    assert not applied.created
    assert apply(batch(product(1, title="Teas"))) == []


def test_the_newest_wins_in_whatever_order():
    pictures = [
        (product(0, variants=[BAG, BOX]), variant(0, 5), variant(0, 1, BOX)),
        (product(1, variants=[BAG], title="Teas"), variant(1, 4)),
        variant(2, 9),
        variant(0.5, 7, BOX),
    ]
    assert len(every_order(pictures)) == 1


def test_a_late_delivery_does_not_bring_back_what_was_deleted():
    told = [(product(0, variants=[BAG]), variant(0)), (product(1, variants=[BAG]), variant(1)), variant(2, 0), gone(3)]
    assert every_order(told) == {"([], [])"}


def test_what_is_told_later_than_a_deletion_shows_that_it_is_there():
    assert every_order([gone(1), (product(2, variants=[BAG]), variant(0))]) == every_order(
        [(product(2, variants=[BAG]), variant(0))]
    )


def test_a_list_of_variants_holds_those_of_which_nothing_else_is_known_yet():
    apply(batch(product(5, variants=[BAG, BOX]), variant(1)))
    assert Variant.objects.get(shopify_variant_id=BOX).source_updated_at is None
    apply(batch(variant(1, 3, BOX, tracked=True)))  # changed long before the list was made
    box = Variant.objects.get(shopify_variant_id=BOX)
    assert (box.deleted_at, box.inventory_quantity, box.tracked) == (None, 3, True)


def test_details_have_times_of_their_own():
    read = ProductChange(TEA, at(1), 7, details=ProductDetails("https://example.com/tea", False))
    apply(batch(read))
    apply(batch(product(2)))
    apply(batch(ProductChange(TEA, at(0), 9, details=ProductDetails(None, True))))
    tea = Product.objects.get()
    assert (tea.online_store_url, tea.is_gift_card, tea.title) == ("https://example.com/tea", False, "Tea")


def test_more_than_nothing_is_a_restock_once():
    apply(batch(product(variants=[BAG]), variant(0, 0)))
    assert restocks() == 0
    back = [variant(5, 7), variant(5, 7, in_stock=True), variant(6, 8)]
    for arrival in itertools.permutations(back * 2, 4):
        before = transaction.savepoint()
        for change in arrival:
            apply(batch(change))
        assert restocks() == 1, arrival
        transaction.savepoint_rollback(before)
    apply(batch(*back))
    event = Event.objects.get(kind="variant.restocked")
    assert event.data["variant"] == str(BAG)
    assert (event.data["before"], event.data["quantity"], event.contact_id, event.bulk) == (0, 8, None, False)


def test_a_drop_nobody_told_of_is_known_from_the_word_of_the_store():
    apply(batch(product(variants=[BAG]), variant(0, 5)))
    told = [variant(4, 0), variant(5, 7), variant(5, 7, in_stock=True)]
    for arrival in itertools.permutations(told):
        before = transaction.savepoint()
        for change in (*arrival, *arrival):
            apply(batch(change))
        assert restocks() == 1, arrival
        transaction.savepoint_rollback(before)


def test_each_crossing_counts():
    apply(batch(product(variants=[BAG]), variant(0, 0)))
    for minutes, quantity in ((1, 3), (2, 0), (3, 4), (4, -2), (5, 0), (6, 1)):
        apply(batch(variant(minutes, quantity)))
    assert restocks() == 3


@pytest.mark.parametrize(
    "changes",
    [
        [variant(0, 5), variant(1, 10)],
        [variant(0, 0), variant(1, 0)],
        [variant(0, -3), variant(1, 0)],
        [variant(0, 5), variant(1, 5, sku="new")],
        [variant(0, 0), variant(1, 5, BOX)],
        [variant(0, 0), gone(1), variant(0.5, 5)],
    ],
)
def test_what_is_no_restock(changes):
    apply(batch(product(variants=[BAG, BOX])))
    for change in changes:
        apply(batch(change))
    assert restocks() == 0


def test_an_import_starts_nothing():
    apply(batch(product(variants=[BAG]), variant(0, 0)))
    apply(batch(product(1, variants=[BAG]), variant(1, 5)), bulk=True)
    assert restocks() == 0


def members() -> list[tuple[int, int]]:
    return sorted(CollectionMember.objects.values_list("shopify_collection_id", "shopify_product_id"))


def test_of_two_sides_that_tell_who_is_in_a_collection_the_later_counts():
    sides = [
        CollectionChange(1, at(0), title="Spring", member_ids=[TEA, 2], read_at=10),
        CollectionChange(1, at(0), title="Spring", member_ids=[2], read_at=30),
        ProductChange(TEA, at(0), collection_ids=[1, 3], read_at=20),
        ProductChange(2, at(0), collection_ids=[], read_at=40),
        CollectionChange(3, at(9), deleted=True),
    ]
    for arrival in itertools.permutations(sides):
        before = transaction.savepoint()
        for change in (*arrival, *arrival):
            apply(batch(change))
        assert members() == [], arrival
        transaction.savepoint_rollback(before)
    for change in sides[:3]:
        apply(batch(change))
    assert members() == [(1, 2), (3, TEA)]


def test_collections_are_named_and_deleted():
    [applied] = apply(batch(CollectionChange(1, at(0), title="Spring", handle="spring")))
    assert applied.created
    apply(batch(CollectionChange(1, at(2), deleted=True), CollectionChange(1, at(1), title="Late")))
    assert Collection.objects.get().deleted_at == at(2)


def test_levels_of_locations():
    apply(batch(LevelChange(1, 1, at(1), available=4), LevelChange(1, 2, at(0), available=1)))
    apply(batch(LevelChange(1, 1, at(0), available=9), LevelChange(1, 2, at(3), connected=False)))
    found = InventoryLevel.objects.order_by("location_id").values_list("connected", "available")
    assert list(found) == [(True, 4), (False, None)]


def order(minutes: float = 0, **fields: object) -> OrderChange:
    line = LineChange("Tea", 1, Decimal(10), product_id=TEA, variant_id=BAG)
    return OrderChange(
        1, at(minutes), "#1", T0, "INITIALIZED", Decimal(10), "EUR", shopify_customer_id=7, lines=[line], **fields
    )


def line() -> tuple[list[str] | None, list[int] | None]:
    return OrderLine.objects.values_list("product_tags", "collection_ids").get()


def test_lines_keep_what_the_product_was_when_it_was_ordered():
    known = ProductChange(TEA, at(0), collection_ids=[3, 1], read_at=10, facts=ProductFacts("Tea", tags=["green"]))
    apply(batch(known))
    apply_orders([order()])
    assert line() == (["green"], [1, 3])
    apply(batch(product(1, tags=["black"]), ProductChange(TEA, at(1), collection_ids=[], read_at=20)))
    apply_orders([order(2, tags=["edited"])])
    assert line() == (["green"], [1, 3])


def test_lines_that_came_before_their_product_learn_it_then():
    apply_orders([order()])
    assert line() == (None, None)
    apply(batch(product(0)))
    assert line() == (["green"], None)
    apply(batch(ProductChange(TEA, at(0), collection_ids=[3], read_at=10)))
    apply(batch(product(1, tags=["black"])))
    assert line() == (["green"], [3])
