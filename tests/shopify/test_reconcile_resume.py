"""A reconciliation that is cut off anywhere goes on where it stopped, and neither loses nor doubles a finding."""

from __future__ import annotations

import itertools
from datetime import timedelta

import pytest

from sayso.shopify.importing import imports
from sayso.shopify.importing.kinds import KINDS
from sayso.shopify.models import SyncDrift, SyncRun, SyncStep
from sayso.shopify.reconciliation import mend as reconcile_mend
from sayso.shopify.reconciliation import reconcile
from sayso.shopify.reconciliation import window as reconcile_window
from sayso.shops.tenancy import shop_context

AT_ONCE = timedelta(0)
NUMBERS = itertools.count()


class Died(BaseException):
    """As a process that is killed: nothing is tidied up after it."""


@pytest.fixture
def differing(listening, connected):
    """Everything imported, then 30 customers changed, 3 new, 2 deleted and 10 orders placed without a word."""
    for run_id in imports.start(connected.pk):
        imports.run(connected.pk, run_id)
    people = listening.customers(limit=42)
    for one in people[:30]:
        listening.action("edit_customer", customer=one["id"], note=f"changed {next(NUMBERS)}")
    for _ in range(3):
        listening.action("create_customer", first="New", email=f"resume{next(NUMBERS)}@example.org")
    for one in people[30:32]:
        listening.action("delete_customer", customer=one["id"])
    for one in people[32:42]:
        listening.action("place_order", customer=one["id"])
    return connected


def dying(times):
    """Called between parts: dies at the n-th part for each n, and then no more."""
    left = list(times)

    def after_part():
        if left and left[0] == 0:
            left.pop(0)
            raise Died
        if left:
            left[0] -= 1

    return after_part


def findings(shop):
    with shop_context(shop.pk):
        rows = SyncDrift.objects.order_by("kind", "shopify_id", "field")
        return [(row.kind, row.what, row.shopify_id, row.field, row.mended) for row in rows]


@pytest.mark.parametrize("full", [False, True])
def test_it_goes_on_where_it_died(differing, monkeypatch, full):
    monkeypatch.setattr(reconcile_window, "PAGE", 7)
    for name in KINDS:
        monkeypatch.setitem(KINDS, name, _smaller(KINDS[name], 40))
    run_id = reconcile.start(differing.pk, full=full)
    after_part = dying([0, 2, 1, 3])
    deaths = 0
    while True:
        try:
            status = reconcile.run(differing.pk, run_id, settle=AT_ONCE, after_part=after_part)
            break
        except Died:
            deaths += 1
    assert (status, deaths) == ("COMPLETE", 4)
    found = findings(differing)
    assert len(found) == len(set(found)), "nothing is told twice"
    assert sum(row[3] == "note" for row in found) == 30
    assert sum(row[:2] == ("customers", "MISSING") for row in found) == 3
    assert sum(row[:2] == ("customers", "EXTRA") for row in found) == 2
    assert sum(row[:2] == ("orders", "MISSING") for row in found) == 10
    assert all(row[4] for row in found)
    with shop_context(differing.pk):
        run = SyncRun.objects.get(pk=run_id)
        assert (run.created, run.updated) == (13, 40)
        SyncDrift.objects.all().delete()
    again = reconcile.start(differing.pk, full=True)
    reconcile.run(differing.pk, again, settle=AT_ONCE)
    assert findings(differing) == []


def _smaller(kind, size):
    from dataclasses import replace

    return replace(kind, chunk=size)


def test_a_part_is_mended_and_told_in_one_transaction(differing, monkeypatch):
    """Dying while the report is written takes the mending with it: it is found again."""

    def died(*_, **__):
        raise Died

    run_id = reconcile.start(differing.pk)
    with monkeypatch.context() as patched:
        patched.setattr(reconcile_mend, "record", died)
        with pytest.raises(Died):
            reconcile.run(differing.pk, run_id, settle=AT_ONCE)
    assert findings(differing) == []
    assert reconcile.run(differing.pk, run_id, settle=AT_ONCE) == "COMPLETE"
    assert sum(row[3] == "note" for row in findings(differing)) == 30


def test_a_list_that_a_crash_of_the_server_emptied_is_made_again(differing, monkeypatch):
    run_id = reconcile.start(differing.pk, full=True)
    monkeypatch.setitem(KINDS, "customers", _smaller(KINDS["customers"], 40))
    with pytest.raises(Died):
        reconcile.run(differing.pk, run_id, settle=AT_ONCE, after_part=dying([3]))
    from django.db import connection

    with connection.cursor() as cursor:
        cursor.execute("delete from staging.reconcile_listed")
    with pytest.raises(imports.Interrupted, match="made again"):
        reconcile.run(differing.pk, run_id, settle=AT_ONCE)
    assert reconcile.run(differing.pk, run_id, settle=AT_ONCE) == "COMPLETE"
    assert sum(row[:2] == ("customers", "EXTRA") for row in findings(differing)) == 2, (
        "and nobody else is taken for gone"
    )


def test_another_process_that_goes_on_is_noticed(differing, monkeypatch):
    monkeypatch.setattr(reconcile_window, "PAGE", 7)
    run_id = reconcile.start(differing.pk)

    def overtake():
        with shop_context(differing.pk):
            SyncStep.objects.filter(kind="customers", scope="window").update(cursor="elsewhere")

    with pytest.raises(imports.Overtaken):
        reconcile.run(differing.pk, run_id, settle=AT_ONCE, after_part=overtake)


def test_what_changed_a_moment_ago_is_mended_and_no_finding(differing):
    run_id = reconcile.start(differing.pk)
    assert reconcile.run(differing.pk, run_id) == "COMPLETE"
    assert {row[1] for row in findings(differing)} <= {"EXTRA"}
    with shop_context(differing.pk):
        SyncDrift.objects.all().delete()
    reconcile.run(differing.pk, reconcile.start(differing.pk), settle=AT_ONCE)
    assert findings(differing) == []


def test_a_scope_that_is_missing_leaves_its_part_out(differing):
    from sayso.shopify.models import Connection

    with shop_context(differing.pk):
        Connection.objects.update(scopes=["read_customers"])
    run_id = reconcile.start(differing.pk)
    assert reconcile.run(differing.pk, run_id, settle=AT_ONCE) == "COMPLETE"
    with shop_context(differing.pk):
        note = SyncStep.objects.get(run_id=run_id, kind="orders", scope="window").note
    assert "lacks read_orders" in note
    assert {row[0] for row in findings(differing)} == {"customers"}
