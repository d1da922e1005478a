"""The door of contacts: identities, newest fact wins, tags, tombstones."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from itertools import permutations

import pytest
from django.db import transaction

from sayso.contacts.apply import apply
from sayso.contacts.changes import ContactChange, Figures, Profile, Source, TagChange
from sayso.contacts.models import Contact, Identity
from sayso.events.models import Event

pytestmark = pytest.mark.usefixtures("shop")

T0 = datetime(2026, 11, 1, 12, 0, tzinfo=UTC)
BIG = 9_007_199_254_740_993  # 2^53 + 1: a float would lose it


def customer(number: int = 1, at: datetime = T0, **profile: object) -> ContactChange:
    values = {
        "first_name": "Ada",
        "last_name": "Byron",
        "email": "ada@example.com",
        "phone": "+447911123456",
        "country": "GB",
    }
    return ContactChange(
        source=Source.SHOPIFY, at=at, shopify_customer_id=BIG + number, profile=Profile(**(values | profile))
    )


@contextmanager
def undone() -> Iterator[None]:
    """Roll back what the block did: contacts cannot be deleted, not even by a test."""
    with transaction.atomic():
        yield
        transaction.set_rollback(True)


def only() -> Contact:
    return Contact.objects.get()


def test_a_customer_becomes_a_contact():
    [applied] = apply([customer()])
    contact = only()
    assert applied.created and applied.contact_id == contact.pk
    assert contact.shopify_customer_id == BIG + 1
    assert (contact.phone, contact.calling_code, contact.country) == ("+447911123456", 44, "GB")
    assert contact.labels == ["Shopify"]
    assert contact.search == "ada byron ada@example.com +447911123456 +447911123456"
    assert [event.kind for event in Event.objects.all()] == ["contact.created"]


def test_an_unchanged_customer_writes_nothing():
    apply([customer()])
    before = only().updated_at
    [applied] = apply([customer()])
    assert not applied.created and not applied.updated
    assert only().updated_at == before
    assert Event.objects.count() == 1


def test_the_newest_fact_wins_in_whatever_order():
    versions = [customer(at=T0 + timedelta(minutes=n), first_name=f"Ada{n}") for n in range(3)]
    for order in permutations(versions):
        with undone():
            for version in order:
                apply([version])
            assert only().first_name == "Ada2"


def test_within_one_second_the_later_trigger_wins():
    first, second = replace(customer(first_name="One"), sequence=1), replace(customer(first_name="Two"), sequence=2)
    for order in permutations([first, second]):
        with undone():
            apply(order)
            assert only().first_name == "Two"


def test_a_batch_may_name_one_contact_many_times():
    applied = apply([customer(at=T0 + timedelta(seconds=n), first_name=f"Ada{n}") for n in range(5)])
    assert len({result.contact_id for result in applied}) == 1
    assert [result.created for result in applied] == [True, False, False, False, False]
    assert only().first_name == "Ada4"


def test_fields_that_are_not_named_stay():
    apply([customer(locale="en-GB")])
    change = replace(customer(at=T0 + timedelta(1), last_name="Lovelace"), fields=frozenset({"last_name"}))
    apply([change])
    assert (only().last_name, only().locale, only().email) == ("Lovelace", "en-GB", "ada@example.com")


def test_an_unknown_field_is_refused():
    with pytest.raises(ValueError, match="nickname"):
        apply([replace(customer(), fields=frozenset({"nickname"}))])


@pytest.mark.parametrize(
    ("raw", "country", "phone", "calling_code"),
    [
        ("07911 123456", "GB", "+447911123456", 44),
        ("+49 1512 3456789", "GB", "+4915123456789", 49),
        ("1512 3456789", None, None, None),
        ("12", "GB", None, None),
    ],
)
def test_phones(shop, raw, country, phone, calling_code):
    shop.country = "ZZ"
    shop.save()
    apply([customer(phone=raw, country=country)])
    contact = only()
    assert (contact.phone, contact.calling_code, contact.phone_raw) == (phone, calling_code, raw)


def test_two_customers_may_share_a_phone():
    apply([customer(1), customer(2, email="charles@example.com")])
    assert Contact.objects.count() == 2
    assert len(set(Contact.objects.values_list("phone_key", flat=True))) == 1


def test_a_guest_becomes_the_customer():
    guest = ContactChange(source=Source.GUEST, at=T0, profile=Profile(email="ADA@example.com ", first_name="A."))
    [first] = apply([guest])
    [second] = apply([customer()])
    assert first.contact_id == second.contact_id
    assert only().shopify_customer_id == BIG + 1


def test_only_one_customer_adopts_a_guest():
    apply([ContactChange(source=Source.GUEST, at=T0, profile=Profile(phone="+447911123456"))])
    apply([customer(1), customer(2, email="charles@example.com")])
    assert Contact.objects.count() == 2


@pytest.mark.parametrize(
    ("stored", "inbound"),
    [("+5511987654321", "551187654321"), ("+525512345678", "5215512345678"), ("+541123456789", "5491123456789")],
)
def test_whatsapp_spells_some_numbers_differently(stored, inbound):
    apply([customer(phone=stored, country=None)])
    apply(
        [
            ContactChange(
                source=Source.INBOUND, at=T0, wa_id=inbound, profile=Profile(phone=f"+{inbound}"), fields=frozenset()
            )
        ]
    )
    assert Contact.objects.count() == 1
    assert Identity.objects.get(kind="wa_id").value == inbound


def test_a_former_phone_is_remembered():
    apply([customer()])
    [applied] = apply([customer(at=T0 + timedelta(1), phone="+447911123457")])
    assert applied.moved
    assert Identity.objects.get(kind="phone", former=True).value == "+447911123456"


def test_a_deleted_customer_stays_deleted_in_whatever_order():
    gone = ContactChange(source=Source.SHOPIFY, at=None, shopify_customer_id=BIG + 1, deleted=True)
    for order in permutations([customer(), gone, customer(at=T0 + timedelta(1), first_name="Late")]):
        with undone():
            for change in order:
                apply([change])
            assert only().deleted_at is not None
            assert only().first_name == "Late"


def test_tags_converge_in_whatever_order():
    def at(minutes: int) -> datetime:
        return T0 + timedelta(minutes=minutes)

    def delta(minutes: int, added: bool, *tags: str) -> ContactChange:
        return ContactChange(
            source=Source.SHOPIFY, shopify_customer_id=BIG, tag_changes=[TagChange(list(tags), added, at(minutes))]
        )

    whole = ContactChange(source=Source.SHOPIFY, at=at(2), shopify_customer_id=BIG, tags=["vip", "old"])
    changes = [delta(1, True, "lost"), whole, delta(3, True, "new"), delta(4, False, "old"), delta(5, False, "new")]
    for order in permutations(changes):
        with undone():
            for change in order:
                apply([change])
            assert only().tags == ["vip"]


def test_figures_and_tags_have_times_of_their_own():
    apply([replace(customer(), tags=["a"], figures=Figures(3, Decimal("12.50"), T0))])
    apply(
        [replace(customer(at=T0 - timedelta(1), first_name="Older"), tags=["b"], figures=Figures(2, Decimal(9), None))]
    )
    contact = only()
    assert (contact.first_name, contact.tags, contact.orders_count, contact.total_spent) == (
        "Ada",
        ["a"],
        3,
        Decimal("12.50"),
    )


def test_odd_characters_survive():
    apply([customer(first_name="Tab\tNew\nBack\\slash", last_name='"quoted" {braces}', email=None)])
    assert only().first_name == "Tab\tNew\nBack\\slash"
    apply([replace(customer(2, phone=None, email=None), tags=['a"b', "c\\d", "e,f", "{g}", "tab\t"])])
    assert Contact.objects.get(shopify_customer_id=BIG + 2).tags == ['a"b', "c\\d", "e,f", "{g}", "tab\t"]
