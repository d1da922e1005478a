"""Whole pictures of a segment's members: the difference alone is written, and newer facts stay."""

from __future__ import annotations

from datetime import timedelta

import pytest
from django.db import connection
from tests.audience.test_assign import SEGMENT, customer, events, group, members, named
from tests.making import T0

from sayso.audience import assign, pictures
from sayso.audience.facts import MemberFact
from sayso.audience.models import Group, GroupMember
from sayso.events.models import Event

SECOND = timedelta(seconds=1)


def take(*numbers: int, pages: int = 2) -> None:
    reading = pictures.open_next()
    assert reading is not None and reading.segment_id == SEGMENT
    size = max(1, -(-len(numbers) // pages))
    parts = [numbers[start : start + size] for start in range(0, len(numbers), size)] or [()]
    for place, part in enumerate(parts, start=1):
        reading = pictures.keep_page(reading, part, None if place == len(parts) else f"page {place}")
    compare(reading)


def compare(reading: pictures.Reading) -> None:
    pictures.begin_comparing(reading)
    for work in (pictures.add, pictures.remove):
        after: int | None = 0
        while after is not None:
            after = work(reading, after).following
    pictures.end(reading)


def ask() -> None:
    pictures.ask_for_all()


@pytest.fixture
def segment(shop) -> Group:
    assign.segments([named("Big spenders")])
    return group()


def test_the_difference_alone_is_written(segment, monkeypatch):
    monkeypatch.setattr(pictures, "CHUNK", 2)
    people = {number: customer(number) for number in range(1, 7)}
    take(1, 2, 3, 4, 99)
    assert members() == {people[number] for number in (1, 2, 3, 4)}
    assert set(Event.objects.filter(kind="segment.entered").values_list("bulk", flat=True)) == {True}
    before = dict(GroupMember.objects.values_list("shopify_customer_id", "at"))
    ask()
    take(2, 3, 4, 5)
    after = dict(GroupMember.objects.values_list("shopify_customer_id", "at"))
    assert members() == {people[number] for number in (2, 3, 4, 5)}
    assert {number: after[number] for number in (2, 3, 4)} == {number: before[number] for number in (2, 3, 4)}
    assert events(people[1]) == ["entered", "left"] and events(people[5]) == ["entered"]
    assert not Event.objects.get(kind="segment.left").bulk  # lost deliveries are made up for
    assert events(people[2]) == ["entered"]
    assert group().members_at is not None and group().read_due_at is None


def test_a_picture_wins_over_what_is_older_and_yields_to_what_is_newer(segment):
    people = {number: customer(number) for number in range(1, 5)}
    reading = pictures.open_next()
    began = Group.objects.get().read_began_at
    assign.said([MemberFact(SEGMENT, 3, joined=True, at=began + SECOND)])
    assign.said([MemberFact(SEGMENT, 1, joined=False, at=began + SECOND)])
    assign.said([MemberFact(SEGMENT, 4, joined=True, at=began - SECOND)])
    compare(pictures.keep_page(reading, [1, 2], None))
    assert members() == {people[2], people[3]}
    assign.said([MemberFact(SEGMENT, 4, joined=True, at=began - SECOND)])  # the same again, after the picture
    assign.said([MemberFact(SEGMENT, 2, joined=False, at=began - SECOND)])
    assert members() == {people[2], people[3]}


def test_members_of_a_picture_wait_for_their_customers_too(segment):
    take(1)
    assert members() == set()
    ada = customer(1)
    assert members() == {ada} and events(ada) == ["entered"]


def test_a_picture_links_whom_it_finds_waiting(segment):
    take(1)
    from sayso.contacts.apply import apply
    from sayso.contacts.changes import ContactChange, Source

    [made] = apply([ContactChange(source=Source.SHOPIFY, at=T0, shopify_customer_id=1)], bulk=True)
    ask()
    take(1)
    assert members() == {made.contact_id} and events(made.contact_id) == ["entered"]


def test_deleted_customers_of_a_picture_are_left_out(segment):
    customer(1, deleted=True)
    take(1)
    assert not GroupMember.objects.exists()


def test_a_reading_goes_on_where_it_stopped(segment):
    reading = pictures.open_next()
    reading = pictures.keep_page(reading, [1, 2], "page 1")
    again = pictures.open_next()
    assert again == reading and again.cursor == "page 1"
    with pytest.raises(pictures.Overtaken):
        pictures.keep_page(pictures.Reading(again.group_id, SEGMENT, again.run, "", False, 0), [1], None)


@pytest.mark.parametrize("lost", ["pages", "time"])
def test_a_reading_whose_pages_are_lost_begins_anew(segment, lost):
    reading = pictures.keep_page(pictures.open_next(), [1, 2], "page 1")
    if lost == "pages":  # what a crash of the database does to unlogged tables
        with connection.cursor() as cursor:
            cursor.execute("delete from staging.group_member")
    else:
        Group.objects.update(read_page_at=T0 - timedelta(days=1))
    again = pictures.open_next()
    assert again.run != reading.run and (again.cursor, again.done) == ("", False)
    with pytest.raises(pictures.Overtaken):
        pictures.end(reading)


def test_asked_for_again_while_it_is_read_it_is_read_again(segment):
    reading = pictures.keep_page(pictures.open_next(), [], None)
    assign.segments([named("Big spenders", query="amount_spent > 5000", at=T0 + SECOND)])
    compare(reading)
    assert pictures.open_next() is not None


def test_what_cannot_be_read_keeps_its_members_and_says_why(segment):
    people = {number: customer(number) for number in (1, 2)}
    take(1, 2)
    ask()
    pictures.give_up(pictures.keep_page(pictures.open_next(), [1], "page 1"), "Shopify: no.")
    assert members() == set(people.values())
    assert group().read_error == "Shopify: no." and pictures.open_next() is None
    ask()
    take(1)
    assert group().read_error == ""


def test_a_segment_not_listed_any_more_is_gone_with_its_last_members(segment):
    ada = customer(1)
    take(1)
    began = pictures.clock()
    assign.segments([named("Another", segment=SEGMENT + 17, at=began + SECOND)])
    assert assign.segments_not_listed(began) == 1
    assert group().gone and members() == {ada}
    assert assign.segments_not_listed(began + SECOND / 2) == 0
    assert not group(SEGMENT + 17).gone
