"""The line of time of a contact: three kinds of rows merged, paged without a gap."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime, timedelta

import pytest

from sayso.events.models import Event
from sayso.shops.models import Shop
from sayso.ui import activity

NOW = datetime(2026, 6, 1, 12, tzinfo=UTC)


def test_paging_loses_nothing_where_times_are_equal(
    shop: Shop, make_contact: Callable, monkeypatch: pytest.MonkeyPatch
) -> None:
    contact_id = make_contact()
    Event.objects.bulk_create(
        Event(shop_id=shop.pk, kind=f"test.kind_{index}", contact_id=contact_id, occurred_at=NOW) for index in range(7)
    )
    monkeypatch.setattr(activity, "PAGE", 3)
    titles, cursor = [], ""
    while True:
        entries, cursor = activity.of_contact(contact_id, show="all", period="all", cursor=cursor)
        titles += [entry.title for entry in entries]
        if not cursor:
            break
    assert [title for title in titles if title.startswith("Test")] == [
        f"Test kind {index}" for index in range(6, -1, -1)
    ]


def test_a_period_narrows(shop: Shop, make_contact: Callable) -> None:
    contact_id = make_contact()
    old = datetime.now(UTC) - timedelta(days=40)
    Event.objects.create(shop_id=shop.pk, kind="test.old", contact_id=contact_id, occurred_at=old)
    recent, _ = activity.of_contact(contact_id, show="events", period="30")
    everything, _ = activity.of_contact(contact_id, show="events", period="all")
    assert "Test old" not in [entry.title for entry in recent]
    assert "Test old" in [entry.title for entry in everything]


@pytest.mark.parametrize(
    ("kind", "data", "title"),
    [
        (
            "consent.changed",
            {"whatsapp": ["PENDING", "SUBSCRIBED"]},
            "WhatsApp: Subscribed (was Awaiting confirmation)",
        ),
        ("consent.changed", {}, "Consent changed"),
        ("contact.tags_added", {"tags": ["vip", "b2b"]}, "Tags added: vip, b2b"),
        ("contact.created", {}, "Contact created"),
        ("something.new", {}, "Something new"),
    ],
)
def test_events_in_words(kind: str, data: dict, title: str) -> None:
    assert activity.event_title(kind, data) == title


@pytest.mark.parametrize("cursor", ["", "nonsense", "AAAA", "Mnwx", "é"])
def test_a_cursor_nobody_gave_out_starts_at_the_top(cursor: str) -> None:
    assert activity._position(cursor) is None
