"""Reconciliation finds and mends what deliveries did not bring, and says what it was."""

from __future__ import annotations

from contextlib import contextmanager
from dataclasses import replace
from datetime import timedelta

from django.utils import timezone

from sayso.commerce.models import Order
from sayso.consent import settings
from sayso.consent.models import ConsentState
from sayso.contacts.models import Contact
from sayso.intake.models import Delivery
from sayso.sandbox import known
from sayso.shopify import wire, wire_orders
from sayso.shopify.connection.client import GraphQL
from sayso.shopify.customers import apply_readings
from sayso.shopify.models import Refetch, SyncDrift, SyncRun, SyncStep
from sayso.shopify.orders import apply_orders
from sayso.shopify.reading import refetch
from sayso.shopify.reconciliation import full, reconcile
from sayso.shopify.reconciliation.drift import compare_customers, compare_orders
from sayso.shopify.reconciliation.kinds import VISIBLE_ORDERS
from sayso.shopify.writeback import send as writeback
from sayso.shops.models import Shop
from sayso.shops.tenancy import shop_context

AT_ONCE = timedelta(0)


def reconciled(shop, *, full=False):
    """One run to its end: the findings as (what, kind, field, topic, mended)."""
    run_id = reconcile.start(shop.pk, full=full)
    assert reconcile.run(shop.pk, run_id, settle=AT_ONCE) == "COMPLETE", SyncRun.objects.get(pk=run_id).error
    with shop_context(shop.pk):
        rows = SyncDrift.objects.filter(run_id=run_id).order_by("pk")
        return [(row.what, row.kind, row.field, row.topic, row.mended) for row in rows]


def test_nothing_differs_after_an_import(imported):
    assert reconciled(imported) == []
    assert reconciled(imported, full=True) == []
    with shop_context(imported.pk):
        steps = SyncStep.objects.order_by("pk").values_list("kind", "scope", "status", "drifted", "difference")
        assert all(row[2] == "DONE" and row[3] == 0 and not row[4] for row in steps), list(steps)


def test_what_nobody_told_is_found_and_mended(imported, box):
    made = box.action("create_customer", first="New", email="new.one@example.org", phone="+491510000001")
    old = box.customers(limit=3)
    box.action("edit_customer", customer=old[0]["id"], first="Changed", note="rings twice")
    box.action("add_tags", customer=old[1]["id"], tags=["found-later"])
    box.action("set_consent", customer=made["id"], channel="sms", state="SUBSCRIBED")
    order = box.action("place_order", customer=old[2]["id"])
    found = reconciled(imported)
    assert ("MISSING", "customers", "", "customers/create", True) in found
    assert ("STALE", "customers", "first_name", "customers/update", True) in found
    assert ("STALE", "customers", "tags", "customer.tags_added", True) in found
    assert ("STALE", "customers", "orders_count", "customers/purchasing_summary", True) in found
    assert ("MISSING", "orders", "", "orders/create", True) in found
    with shop_context(imported.pk):
        assert Contact.objects.get(shopify_customer_id=old[0]["id"]).first_name == "Changed"
        assert Order.objects.filter(shopify_order_id=order["id"]).exists()
        run = SyncRun.objects.filter(kind="reconcile").latest("pk")
        assert (run.created, run.updated) == (2, 3)
        named = SyncDrift.objects.get(field="first_name")
        assert named.told == "C… (7 characters)"
        assert "Changed" not in f"{named.held} {named.told}"
    assert reconciled(imported) == []


def test_who_vanished_is_found_by_counting(imported, box):
    gone = box.action("create_customer", first="Short", email="short@example.org")
    assert [row[0] for row in reconciled(imported)] == ["MISSING"]
    box.action("delete_customer", customer=gone["id"])
    assert reconciled(imported) == [("EXTRA", "customers", "", "customers/delete", True)]
    with shop_context(imported.pk):
        assert Contact.objects.get(shopify_customer_id=gone["id"]).deleted_at is not None
        assert set(SyncStep.objects.filter(kind="customers").values_list("scope", flat=True)) == {
            "window",
            "full",
            "count",
        }
    assert reconciled(imported, full=True) == []


def test_a_delivery_that_waits_is_left_to_the_live_sync(imported, listening, box):
    one = box.action("create_customer", first="Waits", email="waits@example.org")
    Delivery.objects.create(
        provider="shopify", key="waits", shop_id=imported.pk, topic="customers/create",
        fold_key=f"customer:{one['id']}", body=b"{}", headers={},
    )  # fmt: skip
    assert reconciled(imported)[:1] != [("MISSING", "customers", "", "customers/create", True)]
    Delivery.objects.all().delete()
    assert ("MISSING", "customers", "", "customers/create", True) in reconciled(imported)
    refetch.refetch_now(imported.pk)


def test_what_we_told_the_store_ourselves_is_no_finding(imported, box):
    """Who opts out of one phone channel has opted out of both: the other is written back, and comes back from there."""
    one = box.action(
        "create_customer", first="Leaves", email="leaves@example.org", phone="+491510000042",
        consents={"sms": "SUBSCRIBED", "whatsapp": "SUBSCRIBED"},
    )  # fmt: skip
    reconciled(imported)
    box.action("set_consent", customer=one["id"], channel="sms", state="UNSUBSCRIBED")
    found = reconciled(imported)
    assert ("CONSENT", "customers", "sms_consent", "customers_marketing_consent/update", True) in found
    assert writeback.write_now(imported.pk)
    assert reconciled(imported, full=True) == []


def test_a_shop_that_takes_no_contacts_compares_what_takes_something_away(imported, box):
    old = box.customers(q="a", limit=1)[0]
    box.action("set_consent", customer=old["id"], channel="email", state="UNSUBSCRIBED")
    box.action("edit_customer", customer=old["id"], first="Unheard")
    box.action("create_customer", first="Nobody", email="nobody.here@example.org")
    with shop_context(imported.pk):
        settings.change(Shop.objects.get(pk=imported.pk), actor_kind="staff", actor_id="1", sync_contacts=False)
    assert reconciled(imported) == [
        ("CONSENT", "customers", "email_consent", "customers_email_marketing_consent/update", True)
    ]


def test_an_order_that_was_deleted_goes(imported, box):
    one = box.customers(limit=6)[5]
    order = box.action("place_order", customer=one["id"])
    reconciled(imported)
    box.action("delete_order", order=order["id"])
    assert ("EXTRA", "orders", "", "orders/delete", True) in reconciled(imported)
    with shop_context(imported.pk):
        assert not Order.objects.filter(shopify_order_id=order["id"]).exists()
    refetch.refetch_now(imported.pk)
    assert reconciled(imported, full=True) == []


def test_an_opt_out_without_a_time_is_found(imported, box):
    """Shopify does not always say when; an opt-out counts whenever it was (features §6.4)."""
    made = box.action("create_customer", first="When", email="when@example.org", consents={"email": "SUBSCRIBED"})
    key = made["id"]
    reconciled(imported, full=True)
    with shop_context(imported.pk):
        held = ConsentState.objects.get(contact_id=Contact.objects.get(shopify_customer_id=key).pk)
        assert held.email_state == "SUBSCRIBED"
    change, consents = wire.customer(
        {
            "id": f"gid://shopify/Customer/{key}", "updatedAt": "2026-01-02T10:00:00Z",
            "defaultEmailAddress": {"emailAddress": "x@example.org", "marketingState": "UNSUBSCRIBED"},
        }
    )  # fmt: skip
    with shop_context(imported.pk):
        for expected in (["email_consent"], []):
            [found] = compare_customers([(change, consents)])
            assert [one.field for one in found.differences if one.field.endswith("_consent")] == expected
            apply_readings([(replace(change, profile=None, tags=None, figures=None), consents)])
        held.refresh_from_db()
        assert held.email_state == "UNSUBSCRIBED"


def test_orders_that_the_app_is_no_longer_shown_are_not_deleted(imported, box, monkeypatch):
    """The permission for older ones was taken back since the last look: they are hidden, as if they were gone."""
    with shop_context(imported.pk):
        old = list(Order.objects.filter(placed_at__lt=timezone.now() - VISIBLE_ORDERS).values_list("pk", flat=True)[:3])
        hidden = set(Order.objects.filter(pk__in=old).values_list("shopify_order_id", flat=True))
        assert len(hidden) == 3
    everything = box.get("shops")[0]["scopes"]
    run, read = GraphQL.run, full.chunks

    def hiding(self, document, variables=None):
        answer = run(self, document, variables)
        if document == "order_nodes":
            answer["nodes"] = [
                node if int(gid.rpartition("/")[2]) not in hidden else None
                for gid, node in zip(variables["ids"], answer["nodes"], strict=True)
            ]
        return answer

    @contextmanager
    def lacking(url, kind, **where):
        with read(url, kind, **where) as arriving:
            yield (
                replace(one, items=[item for item in one.items if getattr(item, "shopify_order_id", 0) not in hidden])
                for one in arriving
            )

    monkeypatch.setattr(GraphQL, "run", hiding)
    monkeypatch.setattr(full, "chunks", lacking)
    box.post(f"shops/{known.DOMAIN}", scopes=[name for name in everything if name != "read_all_orders"])
    try:
        found = reconciled(imported, full=True)
    finally:
        box.post(f"shops/{known.DOMAIN}", scopes=everything)
    assert not [one for one in found if one[0] == "EXTRA"]
    with shop_context(imported.pk):
        assert Order.objects.filter(pk__in=old).count() == 3


def test_words_that_no_delivery_has_are_read_again_and_are_no_findings(imported, box, listening, drain):
    """Of an order that waits at a warehouse, deliveries say no more than that nothing was sent."""
    order = listening.action("place_order", customer=listening.customers(limit=1)[0]["id"])
    drain(listening.deliveries())
    node = {
        "id": f"gid://shopify/Order/{order['id']}", "updatedAt": "2099-01-02T10:00:00Z",
        "createdAt": "2026-01-02T10:00:00Z", "displayFulfillmentStatus": "PENDING_FULFILLMENT",
    }  # fmt: skip
    with shop_context(imported.pk):
        held = Order.objects.get(shopify_order_id=order["id"])
        change = replace(
            wire_orders.order(node), name=held.name, total=held.total, currency=held.currency, tags=held.tags,
            financial_status=held.financial_status, at=held.source_updated_at, sequence=held.source_sequence + 1,
        )  # fmt: skip
        [found] = compare_orders([change])
        assert {one.field: one.untold for one in found.differences} == {"fulfillment_status": True, "status": True}
        apply_orders([change])
        assert compare_orders([change])[0].differences == ()
    listening.clear()
    listening.action("edit_order", order=order["id"], tags=["late"])
    drain(listening.deliveries())
    with shop_context(imported.pk):
        assert Refetch.objects.filter(kind="order", shopify_id=order["id"]).exists()


def test_a_store_that_contradicts_itself_deletes_nobody(imported, box, monkeypatch):
    """It lists somebody as changed, and a moment later does not find them: it answers from copies that lag."""
    one = box.customers(limit=8)[7]
    box.action("edit_customer", customer=one["id"], note="here I am")
    run, blind = GraphQL.run, [True]

    def lagging(self, document, variables=None):
        answer = run(self, document, variables)
        if document == "customer_nodes" and blind:
            answer["nodes"] = [None for _ in answer["nodes"]]
            blind.clear()
        return answer

    monkeypatch.setattr(GraphQL, "run", lagging)
    assert "EXTRA" not in {found[0] for found in reconciled(imported)}
    with shop_context(imported.pk):
        assert Contact.objects.get(shopify_customer_id=one["id"]).deleted_at is None
    assert ("STALE", "customers", "note", "customers/update", True) in reconciled(imported)
