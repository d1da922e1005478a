"""Periods are enforced, and what was removed is reported."""

from __future__ import annotations

from datetime import timedelta
from decimal import Decimal

import msgspec
import pytest
from django.db import connection
from django.utils import timezone
from tests.making import T0
from tests.privacy.test_redact import EMAIL, PHONE, eve, order, sendable, suppressed

from sayso.commerce.apply import apply as apply_orders
from sayso.commerce.models import Order
from sayso.consent import settings
from sayso.consent.events import Channel, ConsentEvent
from sayso.consent.models import Evidence, LedgerEntry
from sayso.consent.record import record
from sayso.contacts.apply import apply
from sayso.contacts.changes import ContactChange, Profile, Source
from sayso.contacts.models import Contact, Identity
from sayso.events.models import Event
from sayso.intake.models import Delivery
from sayso.messaging.models import Message
from sayso.privacy import requests, retention, tasks
from sayso.privacy.models import PrivacyRequest
from sayso.shops.tenancy import enter_shop


def applied(shop) -> dict[str, int]:
    removed = retention.apply(shop)
    enter_shop(shop.pk)
    return removed


@pytest.fixture
def keep(shop):
    def keep(**days: int) -> None:
        settings.change(shop, actor_kind="staff", actor_id="1", retention=days)
        shop.refresh_from_db()

    return keep


def test_deliveries_go_after_30_days_unless_the_shop_says_sooner(shop, make_shop, keep):
    def made(days: int, **fields) -> Delivery:
        fields = {"shop_id": shop.pk, "state": "DONE"} | fields
        return Delivery.objects.create(
            provider="shopify", key=f"{days} {fields}", topic="t", body=b"{}", received_at=timezone.now() - timedelta(days=days),
            **fields,
        )  # fmt: skip

    old, waiting, young, foreign = made(31), made(31, state="NEW"), made(8), made(31, shop_id=make_shop().pk)
    assert applied(shop)["deliveries"] == 1
    assert set(Delivery.objects.values_list("pk", flat=True)) == {waiting.pk, young.pk, foreign.pk} and old
    keep(deliveries=7)
    assert applied(shop)["deliveries"] == 1


@pytest.mark.parametrize("wrong", [{"deliveries": 0}, {"ledger": 10}, {"events": "x"}])
def test_what_is_no_period_is_refused(keep, wrong):
    with pytest.raises(msgspec.ValidationError):
        keep(**wrong)


def test_texts_of_messages(shop, keep, sender, template):
    contact = eve("OPT_IN")
    at = timezone.now() - timedelta(days=61)
    for status, when in (("READ", at), ("QUEUED", at), ("READ", timezone.now())):
        Message.objects.create(
            shop_id=shop.pk, contact_id=contact, channel="whatsapp", direction="IN", origin="INBOX", status="RECEIVED",
            body=f"hello {status}", queued_at=when, provider_id=f"wamid.{status}{when}",
        )  # fmt: skip
    assert applied(shop)["message_texts"] == 0  # without a period they are kept
    keep(message_texts=60)
    assert applied(shop)["message_texts"] == 2
    assert list(Message.objects.order_by("id").values_list("body", flat=True)) == [None, None, "hello READ"]


def test_activity_goes_but_not_the_audit_log(shop, keep):
    keep(events=90)
    old = timezone.now() - timedelta(days=91)
    for kind, actor in (("contact.updated", "shop"), ("consent.changed", "staff"), ("privacy.done", "system")):
        Event.objects.create(shop_id=shop.pk, kind=kind, occurred_at=old, recorded_at=old, actor_kind=actor)
    before = Event.objects.count()
    assert applied(shop)["events"] == 1
    assert Event.objects.count() == before  # one went, the report came
    assert not Event.objects.filter(kind="contact.updated").exists()


def test_buyers_of_old_orders(shop, keep):
    eve()
    apply_orders([order(1), order(2)])
    Order.objects.filter(shopify_order_id=1).update(placed_at=timezone.now() - timedelta(days=400))
    Order.objects.filter(shopify_order_id=2).update(placed_at=timezone.now())
    keep(order_identities=365)
    assert applied(shop)["order_identities"] == 1
    first, second = Order.objects.order_by("shopify_order_id")
    assert (first.email, first.phone, first.total, second.email) == (None, None, Decimal("12.50"), EMAIL)
    apply_orders([order(1, at=timezone.now())])
    assert Order.objects.get(shopify_order_id=1).email is None


def test_reports_of_the_sync(shop, monkeypatch):
    from sayso.intake.models import Freshness
    from sayso.shopify.models import SyncChunk, SyncRun

    monkeypatch.setattr(retention, "BATCH", 2)
    for days in (400, 300):
        at = timezone.now() - timedelta(days=days)
        run = SyncRun.objects.create(shop_id=shop.pk, kind="customers", started_at=at, heartbeat_at=at)
        for number in range(5):
            SyncChunk.objects.create(shop_id=shop.pk, run_id=run.pk, created_ids=[number])
        Freshness.objects.create(
            shop_id=shop.pk, provider="shopify", at=at, deliveries=1, waiting=0, parked=0, buckets=[4], counts=[1]
        )
    assert applied(shop)["sync_reports"] == 5
    assert (SyncRun.objects.count(), SyncChunk.objects.count(), Freshness.objects.count()) == (1, 5, 1)


def test_a_large_table_is_walked_in_batches(shop, keep, monkeypatch):
    monkeypatch.setattr(retention, "BATCH", 2)
    keep(order_identities=30)
    eve()
    apply_orders([order(number) for number in range(1, 8)])
    Order.objects.update(placed_at=timezone.now() - timedelta(days=31))
    assert applied(shop)["order_identities"] == 7


def deleted(days: int) -> int:
    contact = eve("OPT_IN")
    record([ConsentEvent(contact, Channel.WHATSAPP, "OPT_OUT", T0 + timedelta(days=1), "stop_reply")])
    apply_orders([order()])
    with connection.cursor() as cursor:
        cursor.execute("select now() - make_interval(days => %s)", [days])
    apply([ContactChange(source=Source.SHOPIFY, shopify_customer_id=900, deleted=True)])
    return contact


def test_a_deleted_contact_is_kept_for_30_days(shop):
    contact = deleted(0)
    assert applied(shop)["deleted_contacts"] == 0
    assert Contact.objects.get(pk=contact).email == EMAIL


def test_then_it_is_purged_and_its_opt_out_stays(committed, as_owner):
    from sayso.shops.models import Shop
    from sayso.shops.tenancy import shop_context

    shop = Shop.objects.create(domain="a.myshopify.com", name="A", address_secret="s" * 64)
    with shop_context(shop.pk):
        contact = deleted(0)
        entries, evidence = LedgerEntry.objects.count(), Evidence.objects.count()
    as_owner.execute("update contact set deleted_at = now() - interval '31 days'")
    assert retention.apply(shop)["deleted_contacts"] == 1
    assert retention.apply(shop)["deleted_contacts"] == 0  # and is done with
    with shop_context(shop.pk):
        shell = Contact.objects.get(pk=contact)
        assert (shell.email, shell.phone, shell.first_name, shell.redacted_at) == (None, None, None, None)
        assert shell.shopify_customer_id == 900 and shell.deleted_at
        assert not Identity.objects.exists()
        kept = Order.objects.get()
        assert (kept.contact_id, kept.total) == (None, Decimal("12.50"))
        assert (LedgerEntry.objects.count(), Evidence.objects.count()) == (entries, evidence)
        assert suppressed(shop, PHONE) == {"OPT_OUT"}
        # Probe 5: imported again, still suppressed.
        [again] = apply(
            [ContactChange(source=Source.IMPORT, at=timezone.now(), profile=Profile("Eve", None, EMAIL, PHONE))]
        )
        record(
            [
                ConsentEvent(
                    again.contact_id, Channel.WHATSAPP, "IMPORT_WITH_PROOF", timezone.now(), "manual_import", "staff"
                )
            ]
        )
        assert again.contact_id != contact and sendable() == 0


def test_every_round_reports(shop, keep):
    keep(message_texts=365)
    removed = applied(shop)
    [report] = retention.reports()
    assert report.data["removed"] == removed and report.bulk
    assert report.data["periods"] == {
        "message_texts": 365, "events": None, "order_identities": None, "checkouts": 90, "deliveries": 30,
        "sync_reports": 365, "exports": 14,
    }  # fmt: skip


def test_the_database_knows_the_same_defaults(shop):
    with connection.cursor() as cursor:
        for kind, about in retention.KINDS.items():
            cursor.execute("select privacy_kept_days(%s)", [kind])
            assert cursor.fetchone() == (about.default,)


def test_a_shop_that_left_without_a_word_is_planned_to_be_erased(shop):
    shop.status = "UNINSTALLED"
    shop.save()
    tasks.plan_erasure(shop)
    tasks.plan_erasure(shop)
    enter_shop(shop.pk)
    [request] = PrivacyRequest.objects.all()
    assert request.kind == requests.Kind.SHOP_REDACT
    assert timedelta(days=29) < request.not_before - timezone.now() < timedelta(days=31)
