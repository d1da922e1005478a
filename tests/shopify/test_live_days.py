"""A day of live changes is a run of the sync: each contact once, with the lists a report needs."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest
from django.db import connection

from sayso.contacts.apply import Actor, apply
from sayso.contacts.changes import ContactChange, Profile, Source
from sayso.events import consumers
from sayso.shopify import live_days
from sayso.shopify.importing import report_queries
from sayso.shopify.models import SyncChunk, SyncRun

T0 = datetime(2026, 5, 1, tzinfo=UTC)


def change(number: int, *, at: int = 0, source: Source = Source.SHOPIFY, **profile: str) -> ContactChange:
    return ContactChange(
        source=source, at=T0.replace(second=at), shopify_customer_id=number if source is Source.SHOPIFY else None,
        profile=Profile(first_name=f"P{number} {at}", **profile), sequence=at,
    )  # fmt: skip


@pytest.fixture
def consume(shop, monkeypatch):
    """Hand the consumer everything since the last call. The test's own transaction is never below the snapshot's xmin,
    so its events are read directly."""
    seen = [0]

    def step() -> None:
        with connection.cursor() as cursor:
            cursor.execute(
                "select id, kind, contact_id, occurred_at, actor_kind, origin from event"
                " where id > %s and not bulk order by id",
                [seen[0]],
            )
            rows = cursor.fetchall()
        seen[0] = max([seen[0], *(row[0] for row in rows)])
        wanted = consumers._consumers["shopify.live_days"].kinds
        live_days.count([consumers.Seen(*row, data={}) for row in rows if row[1] in wanted])

    return step


def test_a_contact_counts_once_a_day_as_what_it_was_first(shop, consume, monkeypatch):
    monkeypatch.setattr(live_days, "CHUNK", 3)
    actor = Actor("shop", "shopify")
    ids = [done.contact_id for done in apply([change(n, email=f"p{n}@example.com") for n in range(5)], actor=actor)]
    consume()
    apply([change(0, at=3, email="p0@example.com"), change(9, phone="12")], actor=actor)
    consume()
    apply([change(0, at=7, email="p0@example.com")], actor=actor)
    consume()
    consume()
    (run,) = SyncRun.objects.all()
    assert (run.trigger, run.kind, run.status) == ("live", "live", "COMPLETE")
    assert (run.seen, run.created, run.updated, run.invalid) == (6, 6, 0, 1)
    rows = list(report_queries.rows(shop.pk, run, "new"))
    assert [row[0] for row in rows[1:6]] == ids
    (tally,) = report_queries.problems(run.pk)
    assert (tally.code, tally.number, tally.samples[0].reference) == ("IMPOSSIBLE_PHONE", 1, "9")
    assert SyncChunk.objects.count() == 2


def test_changes_by_staff_and_of_imports_are_not_the_stores(shop, consume):
    apply([change(1, email="a@example.com")], actor=Actor("shop", "shopify"), bulk=True)
    apply([change(2, source=Source.STAFF, email="b@example.com")], actor=Actor("staff", "1"))
    consume()
    assert not SyncRun.objects.exists()
    apply([change(3, source=Source.GUEST, email="c@example.com")], actor=Actor("shop", "shopify"))
    apply([change(1, at=5, email="a2@example.com")], actor=Actor("shop", "shopify"))
    consume()
    run = SyncRun.objects.get()
    assert (run.created, run.updated) == (1, 1)
    assert [row[4] for row in report_queries.rows(shop.pk, run, "updated")][1:] == ["a2@example.com"]
