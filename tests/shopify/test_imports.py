"""Imports from the sandbox over real HTTP, compared with what the sandbox itself says it holds."""

from collections import Counter
from datetime import UTC, datetime

import pytest
from django.db import connection, transaction

from sayso.commerce.models import Order, OrderLine
from sayso.consent.events import Channel, ConsentEvent
from sayso.consent.models import ConsentState, LedgerEntry
from sayso.consent.record import record
from sayso.contacts.apply import apply
from sayso.contacts.models import Contact
from sayso.shopify import customers
from sayso.shopify.importing import imports
from sayso.shopify.importing import kinds as import_kinds
from sayso.shopify.models import SyncRun
from sayso.shops.tenancy import shop_context

T0 = datetime(2036, 1, 1, tzinfo=UTC)  # later than anything the sandbox tells
CUSTOMERS, ORDERS = 300, 600  # as the sandbox of conftest.py is made
CHANNELS = (("whatsapp", "whatsapp"), ("sms", "sms"), ("email", "mail"))  # ours, and the sandbox's word
STATES = {"NEVER_SUBSCRIBED": "NOT_SUBSCRIBED"}


def expected(row, channel, key):
    """What the state may be: an opt-out in one phone channel holds for both, and an unusable number is INVALID."""
    values = [
        row[kind][0]
        for kind, address in (("sms", "phone"), ("whatsapp", "phone"), ("mail", "email"))
        if row.get(address)
    ]
    if "REDACTED" in values:
        return (
            {"REDACTED"} if row.get("email" if channel == "email" else "phone") else {"UNKNOWN"}
        )  # of a person, not of a channel
    if not row.get("email" if channel == "email" else "phone"):
        return {"UNKNOWN", "INVALID"}
    value = STATES.get(row[key][0], row[key][0])
    if channel == "email":
        return {value}
    either = {row[other][0] for other in ("sms", "whatsapp")}
    return {value, "INVALID"} | ({"UNSUBSCRIBED"} if "UNSUBSCRIBED" in either else set())


def import_all(shop):
    for run_id in imports.start(shop.pk):
        assert imports.run(shop.pk, run_id) == "COMPLETE"


@pytest.fixture
def small_chunks(monkeypatch):
    for name, size in (("customers", 70), ("orders", 90)):
        kind = import_kinds.KINDS[name]
        smaller = {field: getattr(kind, field) for field in kind.__slots__} | {"chunk": size}
        monkeypatch.setitem(import_kinds.KINDS, name, import_kinds.Kind(**smaller))


def held():
    """Everything an import writes, without our own ids and times."""
    with connection.cursor() as cursor:
        cursor.execute(
            """select c.shopify_customer_id, c.first_name, c.last_name, c.email, c.phone, c.tags, c.locale, c.country,
            c.orders_count, c.total_spent, c.last_order_at, c.profile_at,
            s.whatsapp_state, s.sms_state, s.email_state, s.whatsapp_opt_in_at, s.sms_opt_in_at, s.email_opt_in_at,
            s.email_out_at
            from contact c left join consent_state s on s.contact_id = c.id
            order by c.shopify_customer_id, c.email, c.phone"""
        )
        contacts = cursor.fetchall()
        cursor.execute(
            """select o.shopify_order_id, o.name, o.total, o.status, c.shopify_customer_id, c.email,
            (select count(*) from order_line l where l.order_id = o.id)
            from orders o left join contact c on c.id = o.contact_id order by o.shopify_order_id"""
        )
        orders = cursor.fetchall()
        cursor.execute("select count(*), count(*) filter (where outcome = 'ACCEPTED') from consent_ledger")
        return contacts, orders, cursor.fetchone()


def test_all_customers_and_orders_are_there(box, connected):
    import_all(connected)
    listed = {int(row["id"]): row for row in box.customers(limit=CUSTOMERS)}
    with shop_context(connected.pk):
        runs = {run.kind: run for run in SyncRun.objects.exclude(kind="segments")}
        assert {run.status for run in runs.values()} == {"COMPLETE"}
        assert {(run.kind, run.status, run.seen, run.total) for run in runs.values()} >= {
            ("customers", "COMPLETE", CUSTOMERS, CUSTOMERS),
            ("orders", "COMPLETE", ORDERS, ORDERS),
            ("products", "COMPLETE", 12, 12),
            ("collections", "COMPLETE", 2, 2),
        }
        assert [run.kind for run in SyncRun.objects.order_by("pk")] == [
            "customers",
            "collections",
            "products",
            "orders",
            "segments",
        ]
        assert (runs["customers"].created, runs["orders"].created) == (CUSTOMERS, ORDERS)
        contacts = {row.shopify_customer_id: row for row in Contact.objects.exclude(shopify_customer_id=None)}
        assert contacts.keys() == listed.keys()
        assert any(customer_id > 2**53 for customer_id in contacts)
        states = {row.contact_id: row for row in ConsentState.objects.all()}
        # An opt-out holds for everybody who has the number.
        shared = {number for number, times in Counter(row.phone for row in contacts.values()).items() if times > 1}
        for customer_id, row in listed.items():
            contact = contacts[customer_id]
            assert (contact.first_name, contact.last_name, contact.email) == (
                row.get("first"),
                row.get("last"),
                row.get("email"),
            )
            assert (contact.tags, contact.orders_count) == (row.get("tags", []), row.get("orders", 0))
            assert contact.total_spent * 100 == row.get("spent", 0)
            for channel, key in CHANNELS if contact.phone not in shared else CHANNELS[-1:]:
                assert getattr(states[contact.pk], f"{channel}_state") in expected(row, channel, key), row
        assert Order.objects.count() == ORDERS
        assert not Order.objects.filter(contact_id=None).exists()
        assert OrderLine.objects.count() >= ORDERS
        entries = Counter(LedgerEntry.objects.values_list("outcome", flat=True))
        assert entries["ACCEPTED"] > 2 * CUSTOMERS


class Died(Exception):
    pass


@pytest.mark.parametrize("kind", ["customers", "orders"])
@pytest.mark.parametrize("chunks", [1, 3])
def test_an_import_that_dies_goes_on_behind_its_last_chunk(box, connected, small_chunks, kind, chunks):
    before = transaction.savepoint()
    import_all(connected)
    with shop_context(connected.pk):
        whole = held()
        whole_runs = list(SyncRun.objects.order_by("kind").values_list("kind", "seen", "created", "updated", "invalid"))

    transaction.savepoint_rollback(before)

    def die(number):
        if number == chunks:
            raise Died

    for run_id in imports.start(connected.pk):
        with shop_context(connected.pk):
            of = SyncRun.objects.get(pk=run_id).kind
        if of == kind:
            with pytest.raises(Died):
                imports.run(connected.pk, run_id, after_chunk=die)
            with shop_context(connected.pk):
                run = SyncRun.objects.get(pk=run_id)
                assert run.status == "IN_PROGRESS"
                assert 0 < run.seen < run.total
                operation = run.operation_id
        assert imports.run(connected.pk, run_id) == "COMPLETE"
        if of == kind:
            with shop_context(connected.pk):
                assert SyncRun.objects.get(pk=run_id).operation_id == operation
    with shop_context(connected.pk):
        assert held() == whole
        runs = SyncRun.objects.order_by("kind").values_list("kind", "seen", "created", "updated", "invalid")
        assert list(runs) == whole_runs


def test_importing_again_takes_only_what_is_new_to_the_doors(box, connected, monkeypatch):
    import_all(connected)
    with shop_context(connected.pk):
        before, invalid = held(), SyncRun.objects.get(kind="customers").invalid
        changed = Contact.objects.filter(shopify_customer_id__isnull=False).exclude(email="").order_by("pk")[3]
    with transaction.atomic(), connection.cursor() as cursor:  # as if Shopify's value had been another one then
        cursor.execute("select set_config('sayso.shop_id', %s, true)", [str(connected.pk)])
        record(
            [ConsentEvent(changed.pk, Channel.EMAIL, "SHOP_NOT_SUBSCRIBED", T0, "shopify", "shop", shop_value="X")],
        )
    taken = []

    def apply_some(changes, **how):
        changes = list(changes)
        taken.extend(change.shopify_customer_id for change in changes)
        return apply(changes, **how)

    monkeypatch.setattr(customers, "apply", apply_some)
    import_all(connected)
    with shop_context(connected.pk):
        again = SyncRun.objects.filter(kind="customers").latest("pk")
        assert (again.seen, again.created, again.updated, again.invalid) == (CUSTOMERS, 0, 0, invalid)
        left = [[row for row in rows if row[0] != changed.shopify_customer_id] for rows in (held()[0], before[0])]
        assert left[0] == left[1]
        assert changed.shopify_customer_id in taken
        reachable = Contact.objects.filter(phone_key=None, email_key=None, shopify_customer_id__isnull=False)
        assert set(taken) == {changed.shopify_customer_id, *reachable.values_list("shopify_customer_id", flat=True)}
