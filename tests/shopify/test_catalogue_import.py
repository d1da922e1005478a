"""Products with variants and collections with members, imported over real HTTP."""

import pytest

from sayso.commerce.models import Collection, CollectionMember, OrderLine, Product, Variant
from sayso.events.models import Event
from sayso.shopify.importing import imports
from sayso.shopify.importing import kinds as import_kinds
from sayso.shopify.models import Connection, SyncRun
from sayso.shopify.reading import refetch
from sayso.shops.tenancy import shop_context


@pytest.fixture
def small_chunks(monkeypatch):
    kind = import_kinds.KINDS["products"]
    smaller = {field: getattr(kind, field) for field in kind.__slots__} | {"chunk": 3}
    monkeypatch.setitem(import_kinds.KINDS, "products", import_kinds.Kind(**smaller))


def import_all(shop, *kinds):
    for run_id in imports.start(shop.pk, kinds or None):
        assert imports.run(shop.pk, run_id) == "COMPLETE"


def held(shop):
    with shop_context(shop.pk):
        return (
            list(
                Product.objects.order_by("shopify_product_id").values_list("shopify_product_id", "title", "deleted_at")
            ),
            list(
                Variant.objects.order_by("shopify_variant_id").values_list(
                    "shopify_variant_id", "shopify_product_id", "price", "inventory_quantity", "tracked", "position"
                )
            ),
            list(Collection.objects.order_by("shopify_collection_id").values_list("shopify_collection_id", "title")),
            sorted(CollectionMember.objects.values_list("shopify_collection_id", "shopify_product_id")),
        )


def test_everything_is_there_and_the_same_by_other_ways(box, connected):
    import_all(connected)
    imported = held(connected)
    products, variants, collections, members = imported
    assert len(products) >= 12
    assert len(variants) >= 28
    assert len(collections) >= 2
    assert members
    with shop_context(connected.pk):
        ids = list(Product.objects.values_list("shopify_product_id", flat=True))
        refetch.request(connected.pk, ids, kind="product")
        refetch.request(connected.pk, Variant.objects.values_list("shopify_variant_id", flat=True), kind="variant")
        refetch.request(
            connected.pk, Collection.objects.values_list("shopify_collection_id", flat=True), kind="collection"
        )
    refetch.refetch_now(connected.pk)
    assert held(connected) == imported


def test_lines_of_imported_orders_know_their_products(connected):
    import_all(connected)
    with shop_context(connected.pk):
        known = OrderLine.objects.exclude(product_id=None)
        assert known.exists()
        assert not known.filter(product_tags=None).exists()
        assert not known.filter(collection_ids=None).exists()
        assert known.exclude(collection_ids=[]).exists()


def test_again_nothing_is_written(connected):
    import_all(connected, "collections", "products")
    import_all(connected, "collections", "products")
    with shop_context(connected.pk):
        for kind in ("collections", "products"):
            first, second = SyncRun.objects.filter(kind=kind).order_by("pk")
            assert (first.created, first.invalid) == (first.seen, 0)
            assert (second.seen, second.created, second.updated, second.invalid) == (first.seen, 0, 0, 0)
        assert not Event.objects.filter(kind="variant.restocked").exists()


def test_an_import_goes_on_where_it_stopped(connected, small_chunks):
    [run_id] = imports.start(connected.pk, ["products"])
    chunks = []
    with pytest.raises(imports.Interrupted):
        imports.run(connected.pk, run_id, should_stop=lambda: len(chunks) >= 2, after_chunk=chunks.append)
    with shop_context(connected.pk):
        stopped = SyncRun.objects.get(pk=run_id)
    assert 0 < stopped.seen < stopped.total
    assert imports.run(connected.pk, run_id) == "COMPLETE"
    with shop_context(connected.pk):
        done = SyncRun.objects.get(pk=run_id)
        assert (done.seen, done.created) == (done.total, done.total)
        assert Product.objects.count() == done.total


def test_what_a_later_import_finds_changed(box, connected):
    made = box.action("create_product", title="Changing", variants=["S", "M"], stock=0)
    collection = box.action("create_collection", title="Changing", products=[made["id"]])
    import_all(connected, "collections", "products")
    small, medium = (one["id"] for one in made["variants"])
    box.action("set_stock", variant=small, available=4)
    box.action("edit_product", product=made["id"], remove=[medium], title="Changed")
    box.action("edit_collection", collection=collection["id"], remove=[made["id"]])
    with shop_context(connected.pk):  # the same second counts as the same picture
        for model in (Product, Variant, Collection):
            model.objects.filter(title__startswith="Chang").update(source_updated_at="2026-01-01T00:00:00Z")
        Product.objects.filter(title="Changing").update(variants_at="2026-01-01T00:00:00Z")
        Variant.objects.filter(shopify_product_id=made["id"]).update(
            source_updated_at="2026-01-01T00:00:00Z", seen_at="2026-01-01T00:00:00Z"
        )
    import_all(connected, "collections", "products")
    with shop_context(connected.pk):
        assert Product.objects.get(shopify_product_id=made["id"]).title == "Changed"
        assert Variant.objects.get(shopify_variant_id=small).inventory_quantity == 4
        assert Variant.objects.get(shopify_variant_id=medium).deleted_at
        assert not CollectionMember.objects.filter(shopify_collection_id=collection["id"]).exists()
        assert not Event.objects.filter(kind="variant.restocked").exists()


def test_without_the_scope_the_catalogue_is_left_out(connected):
    with shop_context(connected.pk):
        Connection.objects.update(scopes=["read_customers", "read_orders"])
    imports.start(connected.pk)
    with shop_context(connected.pk):
        assert set(SyncRun.objects.values_list("kind", flat=True)) == {"customers", "orders", "segments"}
