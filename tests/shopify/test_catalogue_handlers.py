"""What the topics of the catalogue do, with deliveries as the sandbox makes them."""

import itertools
from decimal import Decimal

import pytest

from sayso.commerce.models import Collection, CollectionMember, InventoryLevel, OrderLine, Product, Variant
from sayso.events.models import Event
from sayso.shopify.connection.client import GraphQL
from sayso.shopify.models import Connection, Refetch
from sayso.shopify.reading import poll, read_catalogue, refetch
from sayso.shops.tenancy import shop_context

NUMBERS = itertools.count(1)


@pytest.fixture
def tea(tell, connected):
    """A product as its delivery and one reading make it."""
    made = tell(
        "create_product",
        title=f"Tea {next(NUMBERS)}",
        variants=["S", "M"],
        stock=0,
        price=1999,
        vendor="Leaf",
        kind="Drinks",
        tags=["green", "hot"],
        image="https://cdn.example.com/tea.jpg",
    )
    refetch.refetch_now(connected.pk)
    return made


def product(shop, made):
    with shop_context(shop.pk):
        return Product.objects.get(shopify_product_id=made["id"])


def variant(shop, made, place=0):
    with shop_context(shop.pk):
        return Variant.objects.get(shopify_variant_id=made["variants"][place]["id"])


def waiting(shop):
    with shop_context(shop.pk):
        return set(Refetch.objects.values_list("kind", "shopify_id"))


def restocks(shop):
    with shop_context(shop.pk):
        return list(Event.objects.filter(kind="variant.restocked").values_list("data", flat=True))


def members(shop, made):
    with shop_context(shop.pk):
        rows = CollectionMember.objects.filter(shopify_collection_id=made["id"])
        return set(rows.values_list("shopify_product_id", flat=True))


def test_a_new_product(connected, tea):
    row = product(connected, tea)
    assert (row.title, row.status, row.vendor, row.product_type) == (tea["title"], "ACTIVE", "Leaf", "Drinks")
    assert (sorted(row.tags), row.image_url) == (["green", "hot"], "https://cdn.example.com/tea.jpg")
    assert row.online_store_url.endswith(f"/products/{tea['handle']}")
    assert (row.is_gift_card, row.deleted_at) == (False, None)
    small = variant(connected, tea)
    assert (small.title, small.price, small.currency, small.inventory_quantity) == ("S", Decimal("19.99"), "USD", 0)
    assert (small.inventory_policy, small.tracked, small.available_for_sale) == ("DENY", True, False)
    assert (small.inventory_item_id, small.selected_options) == (tea["variants"][0]["id"] + 1, [["Size", "S"]])
    assert waiting(connected) == set()


def test_what_a_payload_says_holds_at_once_and_the_rest_is_read_again(connected, tea, tell):
    tell("edit_product", product=tea["id"], title="Green Tea", status="DRAFT", gift_card=True)
    row = product(connected, tea)
    assert (row.title, row.status, row.is_gift_card) == ("Green Tea", "DRAFT", False)
    assert ("product", tea["id"]) in waiting(connected)
    refetch.refetch_now(connected.pk)
    row = product(connected, tea)
    assert (row.online_store_url, row.is_gift_card) == (None, True)


def test_of_variants_only_those_that_changed_are_read(connected, tea, tell):
    with shop_context(connected.pk):
        Variant.objects.update(details_at="2027-01-01T00:00:00Z")
        Variant.objects.filter(shopify_variant_id=tea["variants"][1]["id"]).update(details_at="2026-01-01T00:00:00Z")
    tell("edit_product", product=tea["id"], tags=["new"])
    assert waiting(connected) == {("product", tea["id"]), ("variant", tea["variants"][1]["id"])}


def test_prices_and_rules_of_a_variant(connected, tea, tell):
    small = tea["variants"][0]["id"]
    tell("edit_variant", variant=small, price=1750, compare_at=2000, policy="CONTINUE", sku="TEA-S", tracked=False)
    row = variant(connected, tea)
    assert (row.price, row.compare_at_price, row.sku) == (Decimal("17.5"), Decimal(20), "TEA-S")
    assert (row.available_for_sale, row.tracked) == (True, True)
    assert ("variant", small) in waiting(connected)
    refetch.refetch_now(connected.pk)
    assert variant(connected, tea).tracked is False


def test_variants_come_and_go(connected, tea, tell):
    tell("edit_product", product=tea["id"], add=["L"], remove=[tea["variants"][0]["id"]])
    with shop_context(connected.pk):
        alive = Variant.objects.filter(shopify_product_id=tea["id"], deleted_at=None)
        assert set(alive.values_list("title", flat=True)) == {"M", "L"}
    assert variant(connected, tea).deleted_at


def test_variants_beyond_the_hundredth_are_read(connected, tell):
    many = tell("create_product", title="Buttons", variants=[f"No. {number}" for number in range(130)])
    with shop_context(connected.pk):
        rows = Variant.objects.filter(shopify_product_id=many["id"])
        assert (rows.count(), rows.filter(source_updated_at=None).count()) == (130, 30)
    refetch.refetch_now(connected.pk)
    with shop_context(connected.pk):
        assert not Variant.objects.filter(shopify_product_id=many["id"]).filter(details_at=None).exists()
        assert Variant.objects.filter(shopify_product_id=many["id"], deleted_at=None).count() == 130
    last = many["variants"][-1]["id"]
    tell("set_stock", topics={"products/update"}, variant=last, available=3)
    refetch.refetch_now(connected.pk)
    assert variant(connected, many, -1).inventory_quantity == 3


def test_a_deleted_product_stays_deleted(connected, tea, tell, listening, drain):
    listening.clear()
    listening.action("edit_product", product=tea["id"], title="Late")
    listening.action("set_stock", variant=tea["variants"][0]["id"], available=4)
    late = listening.deliveries()
    tell("delete_product", product=tea["id"])
    assert product(connected, tea).deleted_at
    assert variant(connected, tea).deleted_at
    drain(late)
    assert waiting(connected) == set()
    assert product(connected, tea).deleted_at
    assert variant(connected, tea).deleted_at
    assert restocks(connected) == []


def test_a_product_the_store_does_not_find_twice_is_deleted(connected, tea, listening):
    listening.action("delete_product", product=tea["id"])
    with shop_context(connected.pk):
        refetch.request(connected.pk, [tea["id"]], kind="product")
        refetch.request(connected.pk, [tea["variants"][0]["id"]], kind="variant")
    refetch.refetch_now(connected.pk)
    assert product(connected, tea).deleted_at
    assert variant(connected, tea).deleted_at
    assert waiting(connected) == set()


@pytest.mark.parametrize(
    "topics",
    [{"products/update"}, {"variants/in_stock"}, {"inventory_levels/update"}, None],
    ids=lambda topics: "all" if topics is None else next(iter(topics)),
)
def test_a_restock_is_told_once_whichever_delivery_tells_of_it(connected, tea, tell, topics):
    small = tea["variants"][0]["id"]
    tell("set_stock", topics=topics, variant=small, available=7)
    refetch.refetch_now(connected.pk)
    [told] = restocks(connected)
    assert (told["variant"], told["product"]) == (str(small), str(tea["id"]))
    assert (told["before"], told["quantity"], told["policy"], told["tracked"]) == (0, 7, "DENY", True)
    tell("set_stock", topics=topics, variant=small, available=9)
    tell("edit_variant", variant=small, price=2100)
    refetch.refetch_now(connected.pk)
    assert len(restocks(connected)) == 1


def test_stock_at_locations(connected, tea, tell):
    small = tea["variants"][0]["id"]
    tell("connect_location", variant=small, location=12)
    tell("set_stock", variant=small, available=2, location=12)
    refetch.refetch_now(connected.pk)
    assert variant(connected, tea).inventory_quantity == 2
    tell("set_stock", variant=small, available=0, location=12)
    tell("disconnect_location", variant=small, location=12)
    refetch.refetch_now(connected.pk)
    assert variant(connected, tea).inventory_quantity == 0
    with shop_context(connected.pk):
        there = InventoryLevel.objects.get(inventory_item_id=small + 1, location_id=12)
        assert (there.connected, there.available) == (False, None)


def test_a_variant_of_a_product_nobody_told_of(connected, listening, drain):
    made = listening.action("create_product", title="Unknown", variants=["S", "M", "L"])
    listening.clear()
    listening.action("set_stock", variant=made["variants"][2]["id"], available=1)
    drain(sent for sent in listening.deliveries() if sent.topic == "variants/in_stock")
    refetch.refetch_now(connected.pk)
    assert product(connected, made).title == "Unknown"
    with shop_context(connected.pk):
        assert Variant.objects.filter(shopify_product_id=made["id"], tracked=True).count() == 3


def test_collections(connected, tea, tell):
    made = tell("create_collection", title="Hot Drinks", products=[tea["id"]])
    assert waiting(connected) == {("collection", made["id"])}
    refetch.refetch_now(connected.pk)
    assert members(connected, made) == {tea["id"]}
    tell("edit_collection", collection=made["id"], title="Drinks", remove=[tea["id"]])
    refetch.refetch_now(connected.pk)
    with shop_context(connected.pk):
        assert Collection.objects.get(shopify_collection_id=made["id"]).title == "Drinks"
    assert members(connected, made) == set()
    tell("edit_collection", collection=made["id"], add=[tea["id"]])
    refetch.refetch_now(connected.pk)
    tell("delete_collection", collection=made["id"])
    assert members(connected, made) == set()
    with shop_context(connected.pk):
        assert Collection.objects.get(shopify_collection_id=made["id"]).deleted_at


def test_members_of_a_large_collection_come_from_the_products(connected, tea, tell, monkeypatch):
    monkeypatch.setattr(read_catalogue, "MEMBERS_AT_ONCE", 0)
    made = tell("create_collection", title="Everything", products=[tea["id"]])
    refetch.refetch_now(connected.pk)
    assert members(connected, made) == set()
    tell("edit_product", product=tea["id"], tags=["new"])
    refetch.refetch_now(connected.pk)
    assert members(connected, made) == {tea["id"]}


def test_readings_of_pages(connected, tell, monkeypatch):
    for name in ("VARIANTS_A_CALL", "MEMBERS_A_CALL", "COLLECTIONS_A_CALL"):
        monkeypatch.setattr(f"sayso.shopify.documents.{name}", 2)
    made = [tell("create_product", title=f"Thing {number}", variants=list("ABCDE")) for number in range(5)]
    collection = tell("create_collection", title="Things", products=[one["id"] for one in made])
    with shop_context(connected.pk):
        Variant.objects.all().delete()  # as if none had been told of
    refetch.refetch_now(connected.pk)
    assert len(members(connected, collection)) == 5
    with shop_context(connected.pk):
        assert Variant.objects.filter(shopify_product_id=made[0]["id"], deleted_at=None).count() == 5


def test_lines_of_an_order_keep_tags_and_collections(connected, tea, tell):
    made = tell("create_collection", title="Hot Drinks", products=[tea["id"]])
    refetch.refetch_now(connected.pk)
    tell("place_order", email=f"line{next(NUMBERS)}@example.org", variants=[tea["variants"][0]["id"]])
    tell("edit_product", product=tea["id"], tags=["new"])
    with shop_context(connected.pk):
        line = OrderLine.objects.get(product_id=tea["id"])
        assert (sorted(line.product_tags), line.collection_ids) == (["green", "hot"], [made["id"]])


def test_polling_takes_in_the_catalogue(box, connected):
    poll.poll(connected.pk)
    made = box.action("create_product", title="Polled", variants=[f"No. {number}" for number in range(25)])
    collection = box.action("create_collection", title="Polled", products=[made["id"]])
    polled = poll.poll(connected.pk)
    assert min(polled.products, polled.collections) >= 1  # and what other tests changed within the overlap
    with shop_context(connected.pk):
        assert Variant.objects.filter(shopify_product_id=made["id"], deleted_at=None).count() == 25
    assert members(connected, collection) == {made["id"]}


def test_what_the_app_may_not_read_is_not_asked_for(box, connected, monkeypatch):
    with shop_context(connected.pk):
        Connection.objects.update(scopes=["read_customers", "read_orders"])
    asked = []
    run = GraphQL.run
    monkeypatch.setattr(GraphQL, "run", lambda self, *given: asked.append(given[0]) or run(self, *given))
    poll.poll(connected.pk)
    assert "products_updated" not in asked
    assert "orders_updated" in asked
