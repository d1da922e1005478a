"""Runs of imports: their reports, the dry run, files asked for together, links that expire, and going on after errors."""

from __future__ import annotations

import dataclasses
import json
from collections import Counter

import pytest
from django.db import DataError, connection

from sayso.commerce.models import Order
from sayso.consent.models import ConsentState, LedgerEntry
from sayso.contacts.models import Contact
from sayso.events.models import Event
from sayso.shopify.connection.client import GraphQL
from sayso.shopify.importing import imports, report_queries, reports, runs
from sayso.shopify.importing import kinds as import_kinds
from sayso.shopify.models import SyncChunk, SyncRun
from sayso.shopify.types import decode_customer
from sayso.shops.tenancy import shop_context

CUSTOMERS, ORDERS = 300, 600  # as the sandbox of conftest.py is made


@pytest.fixture
def small_chunks(monkeypatch):
    for name, kind in list(import_kinds.KINDS.items()):
        monkeypatch.setitem(import_kinds.KINDS, name, dataclasses.replace(kind, chunk=40))


def run_of(shop, run_id):
    with shop_context(shop.pk):
        return SyncRun.objects.get(pk=run_id)


def everything(shop):
    """How many rows there are of all that an import writes, and the newest of them."""
    with shop_context(shop.pk):
        return {
            model.__name__: (model.objects.count(), model.objects.order_by("-pk").values_list("pk", flat=True).first())
            for model in (Contact, ConsentState, LedgerEntry, Order, Event)
        }


def import_one(shop, kind, trigger=None):
    (run_id,) = imports.start(shop.pk, [kind], trigger)
    assert imports.run(shop.pk, run_id) == "COMPLETE", run_of(shop, run_id).error
    return run_of(shop, run_id)


def listed(shop, run, which):
    return list(report_queries.rows(shop.pk, run, which))[1:]


def test_a_report_lists_whom_the_import_made_and_what_was_wrong(box, connected, small_chunks):
    run = import_one(connected, "customers")
    assert run.trigger == "initial"
    with shop_context(connected.pk):
        contacts = set(Contact.objects.exclude(shopify_customer_id=None).values_list("pk", flat=True))
        tallies = {tally.code: tally for tally in report_queries.problems(run.pk)}
        said = report_queries.consent(run.pk)
        entries = Counter(
            LedgerEntry.objects.values_list("channel", "from_state", "to_state", "outcome", "refusal_code")
        )
        lost = Contact.objects.filter(phone_key=None, email_key=None).count()
    new = listed(connected, run, "new")
    assert {row[0] for row in new} == contacts
    assert len(new) == run.created == run.seen == CUSTOMERS
    assert listed(connected, run, "updated") == []
    invalid = sum(tally.number for tally in tallies.values() if tally.outcome == "invalid")
    assert invalid == run.invalid == lost
    assert len(listed(connected, run, "invalid")) == sum(tally.number for tally in tallies.values())
    assert all(len(tally.samples) == min(5, tally.number) for tally in tallies.values())
    told = Counter({(s.channel, s.was, s.is_now, s.outcome, s.refusal or None): s.number for s in said})
    assert told == entries

    again = import_one(connected, "customers")
    assert (again.trigger, again.created, again.updated, again.invalid) == ("manual", 0, 0, run.invalid)
    with shop_context(connected.pk):
        assert SyncChunk.objects.filter(run_id=again.pk).exclude(created_ids=[], updated_ids=[]).count() == 0


def test_a_dry_run_says_what_an_import_does_and_keeps_nothing(box, connected, small_chunks):
    before = everything(connected)
    dry = {kind: import_one(connected, kind, SyncRun.Trigger.DRY_RUN) for kind in ("customers", "orders")}
    assert everything(connected) == before
    with connection.cursor() as cursor:
        cursor.execute("select count(*) from staging.contact")
        assert cursor.fetchone() == (0,)
    real = {kind: import_one(connected, kind) for kind in ("customers", "orders")}
    for kind in ("customers", "orders"):
        assert real[kind].trigger == "initial"
        for name in ("seen", "created", "updated", "invalid", "failed", "total"):
            assert getattr(dry[kind], name) == getattr(real[kind], name), (kind, name)
    with shop_context(connected.pk):
        ids = set(Contact.objects.exclude(shopify_customer_id=None).values_list("shopify_customer_id", flat=True))
        rehearsed = {(s.channel, s.is_now, s.outcome) for s in report_queries.consent(dry["customers"].pk)}
        done = {(s.channel, s.is_now, s.outcome) for s in report_queries.consent(real["customers"].pk)}
        numbers = [
            sum(s.number for s in report_queries.consent(run["customers"].pk) if s.outcome == "ACCEPTED")
            for run in (dry, real)
        ]
        problems = [
            {tally.code: tally.number for tally in report_queries.problems(run["customers"].pk)} for run in (dry, real)
        ]
    assert {row[1] for row in listed(connected, dry["customers"], "new")} == ids
    assert rehearsed == done
    # One number of two customers is an opt-out for both; chunks of a dry run do not see each other.
    assert abs(numbers[0] - numbers[1]) <= numbers[1] * 0.05
    assert {code: n for code, n in problems[0].items() if code != "CONSENT_REFUSED"} == {
        code: n for code, n in problems[1].items() if code != "CONSENT_REFUSED"
    }
    after = import_one(connected, "customers", SyncRun.Trigger.DRY_RUN)
    assert (after.created, after.updated, after.seen) == (0, 0, CUSTOMERS)


def test_one_bad_object_costs_only_itself(box, connected, small_chunks, monkeypatch):
    kind = import_kinds.KINDS["customers"]
    ids = [int(row["id"]) for row in box.customers(limit=CUSTOMERS)]
    unreadable, unstorable = ids[7], {ids[40], ids[41]}

    def read(root):
        if root.node.id.endswith(f"/{unreadable}"):
            raise ValueError("its name is “Ada” and ada@example.com is wrong")
        return kind.read(root)

    def apply(customers):
        if unstorable & {int(customer.id.rpartition("/")[2]) for customer in customers}:
            with connection.cursor() as cursor:
                cursor.execute("select 99999999999999999999::bigint")
        return kind.apply(customers)

    monkeypatch.setitem(import_kinds.KINDS, "customers", dataclasses.replace(kind, read=read, apply=apply))
    run = import_one(connected, "customers")
    assert (run.seen, run.created, run.failed) == (CUSTOMERS, CUSTOMERS - 3, 3)
    found = [row for row in listed(connected, run, "invalid") if row[1] == "failed"]
    assert {(row[0], row[2]) for row in found} == {
        ("UNREADABLE", str(unreadable)), *(("REFUSED_VALUE", str(one)) for one in unstorable),
    }  # fmt: skip
    assert not any("Ada" in row[4] or "ada@" in row[4] for row in found)
    with shop_context(connected.pk):
        assert not Contact.objects.filter(shopify_customer_id__in=[unreadable, *unstorable]).exists()


def test_who_cannot_be_reached_is_invalid_and_a_bad_number_beside_an_address_is_noted(shop):
    kind = import_kinds.KINDS["customers"]
    given = {1: {"phone": "12"}, 2: {}, 3: {"phone": "12", "email": "c@example.com"}, 4: {"phone": "+4915112345678"}}
    customers = [
        decode_customer(
            json.dumps(
                {
                    "id": f"gid://shopify/Customer/{number}",
                    "updatedAt": "2026-01-01T00:00:00Z",
                    "defaultPhoneNumber": {"phoneNumber": profile["phone"]} if "phone" in profile else None,
                    "defaultEmailAddress": {"emailAddress": profile["email"]} if "email" in profile else None,
                }
            ).encode()
        )
        for number, profile in given.items()
    ]
    with shop_context(shop.pk):
        done = reports.carry_out(kind, customers)
        dry = reports.carry_out(kind, customers, dry=True)
    assert (done.counts.seen, done.counts.created, done.counts.invalid) == (4, 4, 2)
    assert [(one.code, one.reference) for one in done.counts.problems] == [
        ("IMPOSSIBLE_PHONE", "1"), ("NO_ADDRESS", "2"), ("PHONE_LEFT_OUT", "3"),
    ]  # fmt: skip
    assert (dry.counts.created, dry.counts.updated, dry.counts.invalid) == (0, 0, 2)
    assert all(one.contact_id for one in dry.counts.problems)


def test_an_error_that_is_nobodys_stops_the_chunk(db):
    def apply(items):
        raise DataError("x")

    kind = dataclasses.replace(import_kinds.KINDS["orders"], apply=apply)
    done = reports.carry_out(kind, [reports.unreadable(b'{"id":"gid://shopify/Order/5"', "cut off")])
    assert (done.counts.failed, done.counts.problems[0].reference) == (1, "5")


def test_the_store_prepares_the_files_of_all_kinds_together(box, connected):
    first, *others = imports.start(connected.pk, list(import_kinds.KINDS))
    assert imports.run(connected.pk, first) == "COMPLETE"
    waiting = [run_of(connected, other) for other in others]
    assert others
    assert all(run.status == "NOT_STARTED" and run.operation_id for run in waiting)
    for run in waiting:
        assert imports.run(connected.pk, run.pk) == "COMPLETE"
        assert run_of(connected, run.pk).operation_id == run.operation_id


def test_a_link_that_expires_in_the_middle_is_asked_for_again(box, connected, small_chunks):
    operations = []

    def after(number):
        if number == 1:
            operations.append(run_of(connected, run_id).operation_id)

    (run_id,) = imports.start(connected.pk, ["customers"])
    box.post("bulk", expire_at=60_000)
    assert imports.run(connected.pk, run_id, after_chunk=after) == "COMPLETE"
    run = run_of(connected, run_id)
    assert (run.seen, run.created) == (CUSTOMERS, CUSTOMERS)
    assert run.operation_id == operations[0]  # the same file, from the byte where it broke off


def test_a_link_that_is_never_good_ends_it_with_a_sentence_and_it_can_be_resumed(box, connected, monkeypatch):
    from sayso.shopify.importing.bulk import LinkExpired

    asked = []

    def never(url, *_, **__):
        asked.append(url)
        raise LinkExpired("the file cannot be read: HTTP 403; its link may have expired")

    (run_id,) = imports.start(connected.pk, ["customers"])
    with monkeypatch.context() as patched:
        patched.setattr("sayso.shopify.importing.pipeline.lines", lambda http, url, **_: never(url))
        assert imports.run(connected.pk, run_id) == "ERROR"
    assert len(asked) == 3
    assert "HTTP 403" in run_of(connected, run_id).error
    runs.resume(connected.pk, run_id)
    assert imports.run(connected.pk, run_id) == "COMPLETE"
    assert run_of(connected, run_id).created == CUSTOMERS


def test_after_an_operation_that_failed_the_user_resumes(box, connected):
    (run_id,) = imports.start(connected.pk, ["customers"])
    box.post("bulk", fail="INTERNAL_SERVER_ERROR")
    assert imports.run(connected.pk, run_id) == "ERROR"
    assert "INTERNAL_SERVER_ERROR" in run_of(connected, run_id).error
    runs.resume(connected.pk, run_id)
    with pytest.raises(runs.CannotResume, match="error"):
        runs.resume(connected.pk, run_id)
    assert imports.run(connected.pk, run_id) == "COMPLETE"
    with pytest.raises(runs.CannotResume, match="no such"):
        runs.resume(connected.pk, 10**15)


@pytest.mark.parametrize("code", ["OPERATION_IN_PROGRESS", "LIMIT_REACHED"])
def test_a_store_that_runs_as_many_operations_as_it_may_is_waited_for(box, connected, monkeypatch, code):
    (run_id,) = imports.start(connected.pk, ["customers"])
    run = GraphQL.run

    def full(self, document, variables=None):
        if document == "bulk_run":
            return {
                "bulkOperationRunQuery": {"userErrors": [{"code": code, "message": "Bulk operations limit reached."}]}
            }
        return run(self, document, variables)

    with monkeypatch.context() as patch:
        patch.setattr(GraphQL, "run", full)
        with pytest.raises(imports.Interrupted):
            imports.run(connected.pk, run_id)
    assert run_of(connected, run_id).status == "IN_PROGRESS"
    assert imports.run(connected.pk, run_id) == "COMPLETE"


def test_a_dry_run_and_an_import_do_not_answer_for_each_other(box, connected):
    (real,) = imports.start(connected.pk, ["customers"])
    (dry,) = imports.start(connected.pk, ["customers"], SyncRun.Trigger.DRY_RUN)
    assert real != dry
    assert imports.start(connected.pk, ["customers"]) == [real]
    assert imports.start(connected.pk, ["customers"], SyncRun.Trigger.DRY_RUN) == [dry]
