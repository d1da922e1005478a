"""Lost deliveries of the catalogue: found by comparing with the store, and mended."""

import random
from datetime import timedelta

import pytest

from sayso.commerce.models import CollectionMember, Product, Variant
from sayso.shopify.importing import imports
from sayso.shopify.models import SyncDrift
from sayso.shopify.reconciliation import reconcile
from sayso.shopify.reconciliation.kinds import SUBJECTS
from sayso.shops.tenancy import shop_context

KINDS = ("collections", "products")


def run(shop, *, full=False):
    run_id = reconcile.start(shop.pk, full=full, kinds=KINDS)
    assert reconcile.run(shop.pk, run_id, settle=timedelta(0)) == "COMPLETE"
    with shop_context(shop.pk):
        return list(SyncDrift.objects.filter(run_id=run_id).values_list("kind", "what", "field", "mended"))


@pytest.fixture
def held(box, connected):
    """What the store holds is imported, and what is changed afterwards is not told."""
    for run_id in imports.start(connected.pk, KINDS):
        assert imports.run(connected.pk, run_id) == "COMPLETE"
    return box


def act(box, luck):
    """Something happens to the goods of the store; nobody tells us."""
    chance = random.Random(luck)
    made = [box.action("create_product", title=f"New {n}", variants=["S", "M"], stock=2) for n in range(3)]
    collection = box.action("create_collection", title="New", products=[made[0]["id"]])
    variant = made[1]["variants"][0]["id"]
    box.action("set_stock", variant=variant, available=chance.randint(3, 9))
    box.action("edit_product", product=made[2]["id"], remove=[made[2]["variants"][0]["id"]], tags=["seen"])
    return made, collection


def test_a_quiet_store_differs_in_nothing(held, connected):
    assert run(connected) == []
    assert run(connected, full=True) == []


@pytest.mark.parametrize("full", [False, True])
def test_what_was_lost_is_found_and_mended(held, connected, full):
    made, collection = act(held, 1)
    found = run(connected, full=full)
    assert {kind for kind, *_ in found} == {"products", "collections"}
    assert all(mended for *_, mended in found)
    with shop_context(connected.pk):
        assert Product.objects.filter(shopify_product_id__in=[one["id"] for one in made], deleted_at=None).count() == 3
        assert CollectionMember.objects.filter(shopify_collection_id=collection["id"]).count() == 1
        assert Variant.objects.filter(shopify_product_id=made[2]["id"], deleted_at=None).count() == 1
    assert run(connected, full=True) == []
    # Ours, changed by nobody at the store: a full comparison finds that as well.
    with shop_context(connected.pk):
        Variant.objects.filter(shopify_product_id=made[1]["id"]).update(inventory_quantity=77)
        Product.objects.filter(shopify_product_id=made[0]["id"]).update(title="Wrong")
        CollectionMember.objects.filter(shopify_collection_id=collection["id"]).delete()
    found = run(connected, full=True)
    assert {("products", "STALE", "variants", True), ("products", "STALE", "title", True)} <= set(found)
    with shop_context(connected.pk):
        assert Product.objects.get(shopify_product_id=made[0]["id"]).title == "New 0"
        assert not Variant.objects.filter(inventory_quantity=77).exists()
        assert CollectionMember.objects.filter(shopify_collection_id=collection["id"]).count() == 1
    assert run(connected, full=True) == []


def test_what_the_store_does_not_hold_any_more_is_removed(held, connected):
    made, collection = act(held, 2)
    run(connected)
    held.action("delete_product", product=made[0]["id"])
    held.action("delete_collection", collection=collection["id"])
    assert {(kind, what) for kind, what, _, _ in run(connected, full=True)} == {
        ("products", "EXTRA"),
        ("collections", "EXTRA"),
    }
    with shop_context(connected.pk):
        assert Product.objects.get(shopify_product_id=made[0]["id"]).deleted_at
        assert not CollectionMember.objects.filter(shopify_collection_id=collection["id"]).exists()
    assert run(connected, full=True) == []


def test_the_catalogue_is_compared_before_orders():
    assert list(SUBJECTS) == ["customers", "collections", "products", "orders"]
