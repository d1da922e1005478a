"""Tags and guests as groups: passes over all contacts after an import, and the event log from then on."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest
from tests.audience.test_assign import customer, guest

from sayso.audience import handlers, queries, upkeep
from sayso.audience.models import Group, GroupMember
from sayso.audience.settings import set_sync_groups, sync_groups
from sayso.contacts.apply import apply
from sayso.contacts.changes import ContactChange, Source, TagChange
from sayso.contacts.models import Contact
from sayso.events.consumers import Seen
from sayso.events.models import Event
from sayso.shops.models import Shop
from sayso.shops.tenancy import enter_shop


@pytest.fixture
def follow(shop):
    """Hand the consumer what happened since the last time, as the log has it."""
    seen_to = 0

    def follow() -> None:
        nonlocal seen_to
        rows = Event.objects.filter(pk__gt=seen_to, bulk=False).order_by("pk")
        wanted = [
            Seen(row.pk, row.kind, row.contact_id, row.occurred_at, row.actor_kind, row.origin, row.data)
            for row in rows
            if row.kind in {"contact.created", "contact.deleted", "contact.redacted"} or "tags" in row.kind
        ]
        seen_to = max([seen_to, *rows.values_list("pk", flat=True)])
        handlers.follow(wanted)

    return follow


def tag_groups() -> dict[str, int | None]:
    return dict(Group.objects.filter(kind="SHOPIFY_TAG").values_list("external_id", "members_count"))


def run(shop: Shop) -> None:
    upkeep.run(shop.pk)
    enter_shop(shop.pk)


def test_after_an_import_every_tag_is_a_group_with_its_number(shop, monkeypatch):
    monkeypatch.setattr("sayso.audience.assign.CHUNK", 2)
    for number, tags in enumerate((["VIP", "a"], ["vip"], ["Vip", "b"], [], ["c"]), start=1):
        customer(number, tags=tags)
    customer(9, tags=["only a deleted one"], deleted=True)
    guests = [guest(number) for number in range(20, 25)]
    run(shop)
    assert tag_groups() == {"vip": 3, "a": 1, "b": 1, "c": 1}
    vip = Group.objects.get(external_id="vip")
    assert set(vip.spellings) == {"VIP", "Vip", "vip"} and vip.counted_at is not None and not vip.count_due
    group = Group.objects.get(kind="SHOPIFY_GUESTS")
    assert group.members_count == 5
    assert set(GroupMember.objects.values_list("contact_id", flat=True)) == set(guests)

    apply(
        [ContactChange(source=Source.SHOPIFY, shopify_customer_id=5, at=datetime(2026, 12, 1, tzinfo=UTC), tags=["a"])]
    )
    run(shop)
    assert tag_groups() == {"vip": 3, "a": 2, "b": 1, "c": 0}


def test_tags_of_live_changes_become_groups(shop, follow):
    customer(1, tags=["new"])
    follow()
    upkeep.counts(shop.pk)
    enter_shop(shop.pk)
    assert tag_groups() == {"new": 1}
    change = TagChange(added=True, tags=["NEW", "extra"], at=datetime(2026, 12, 1, tzinfo=UTC))
    customer(2)
    apply([ContactChange(source=Source.SHOPIFY, shopify_customer_id=2, tag_changes=(change,))])
    follow()
    upkeep.counts(shop.pk)
    enter_shop(shop.pk)
    assert tag_groups() == {"new": 2, "extra": 1}
    apply(
        [
            ContactChange(
                source=Source.SHOPIFY, shopify_customer_id=1, deleted=True, at=datetime(2026, 12, 2, tzinfo=UTC)
            )
        ]
    )
    removed = TagChange(added=False, tags=["extra"], at=datetime(2026, 12, 3, tzinfo=UTC))
    apply([ContactChange(source=Source.SHOPIFY, shopify_customer_id=2, tag_changes=(removed,))])
    follow()
    upkeep.counts(shop.pk)
    enter_shop(shop.pk)
    assert tag_groups() == {"new": 1, "extra": 0}


def test_a_guest_of_a_live_order_joins(shop, follow):
    made = guest(1)
    customer(2)
    follow()
    assert list(GroupMember.objects.values_list("contact_id", flat=True)) == [made]


def test_switched_off_no_new_tag_becomes_a_group(shop, follow):
    assert set_sync_groups(shop, False, actor_id="7")
    assert not set_sync_groups(shop, False, actor_id="7")
    assert not sync_groups(Shop.objects.get(pk=shop.pk))
    [told] = Event.objects.filter(kind="settings.changed")
    assert (told.data, told.actor_id) == ({"sync_groups": [True, False]}, "7")
    customer(1, tags=["new"])
    follow()
    run(shop)
    assert tag_groups() == {}
    assert Group.objects.get().kind == "SHOPIFY_GUESTS"


def test_the_groups_of_a_contact(shop):
    ada = customer(1, tags=["VIP", "b2b"])
    customer(2, tags=["other"])
    run(shop)
    assert [group.external_id for group in queries.of_contact(Contact.objects.get(pk=ada))] == ["b2b", "vip"]


def test_two_passes_at_once_are_one(shop):
    from django.db import connection

    upkeep.request(shop.pk)
    upkeep.request(shop.pk)
    with connection.cursor() as cursor:
        cursor.execute("select count(*) from procrastinate_jobs where task_name = %s", [upkeep.JOB])
        assert cursor.fetchone() == (1,)
