"""The writer of groups: the newest fact of each kind wins, and nobody becomes a member who may not be one."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from tests.making import T0

from sayso.audience import assign, queries
from sayso.audience.facts import GoneFact, MemberFact, SegmentFact
from sayso.audience.models import Group, GroupMember
from sayso.contacts import merge
from sayso.contacts.apply import Actor, apply
from sayso.contacts.changes import ContactChange, Profile, Source
from sayso.contacts.models import Contact, ContactMerge
from sayso.events.models import Event

MINUTE = timedelta(minutes=1)
SEGMENT, OTHER = 511_462_893_174, 511_462_893_191


def customer(number: int, **change) -> int:
    profile = Profile(first_name=f"Ada{number}", email=f"a{number}@example.com")
    changes = [ContactChange(source=Source.SHOPIFY, at=T0, shopify_customer_id=number, profile=profile, **change)]
    applied = apply(changes)
    assign.link(applied)
    return applied[0].contact_id


def guest(number: int) -> int:
    profile = Profile(first_name="Guest", email=f"g{number}@example.com")
    return apply([ContactChange(source=Source.GUEST, at=T0, profile=profile)])[0].contact_id


def named(name: str, *, segment: int = SEGMENT, query: str = "amount_spent > 1", at: datetime = T0, sequence: int = 0):
    return SegmentFact(segment, seen_at=at, name=name, query=query, at=at, sequence=sequence)


def group(segment: int = SEGMENT) -> Group:
    return Group.objects.get(source_type="segment", external_id=str(segment))


def members(segment: int = SEGMENT) -> set[int]:
    found = GroupMember.objects.filter(group_id=group(segment).pk, member=True, contact_id__isnull=False)
    return set(found.values_list("contact_id", flat=True))


def events(contact: int) -> list[str]:
    found = Event.objects.filter(contact_id=contact, kind__startswith="segment.").order_by("id")
    return [kind.removeprefix("segment.") for kind in found.values_list("kind", flat=True)]


def test_a_segment_is_made_renamed_and_marked_gone(shop):
    assign.segments([named("Big spenders")])
    assert (group().name, group().query, group().kind, group().gone) == (
        "Big spenders", "amount_spent > 1", "SHOPIFY_SEGMENT", False,
    )  # fmt: skip
    assert group().read_due_at is not None and group().read_silent
    assign.segments([named("Older name", at=T0 - MINUTE), named("Newest", at=T0 + MINUTE)])
    assert group().name == "Newest"
    assign.segments_gone([GoneFact(SEGMENT, T0 + 2 * MINUTE)])
    assert group().gone and group().name == "Newest"
    assign.segments([named("Told before it went", at=T0 + MINUTE, sequence=5)])
    assert group().gone and group().name == "Told before it went"


def test_one_that_was_deleted_before_we_heard_of_it_stays_gone(shop):
    assign.segments_gone([GoneFact(SEGMENT, T0)])
    assert list(queries.shown()) == []
    assign.segments([named("Late", at=T0 - MINUTE)])
    assert group().gone and group().name == "Late"
    assert list(queries.shown()) == [group()]


def test_names_of_one_second_are_told_apart_by_when_they_were_told(shop):
    for order in ((1, 2), (2, 1)):
        Group.objects.all().delete()
        for sequence in order:
            assign.segments([named(f"Name {sequence}", sequence=sequence)])
        assert group().name == "Name 2"


def test_equal_names_of_a_segment_and_a_tag_do_not_clash(shop):
    assign.segments([named("vip")])
    assign.tags_met(["vip"])
    assert {(one.kind, one.name) for one in Group.objects.all()} == {
        ("SHOPIFY_SEGMENT", "vip"), ("SHOPIFY_TAG", "vip"),
    }  # fmt: skip


def test_other_conditions_have_the_members_read_again_and_a_new_name_does_not(shop):
    assign.segments([named("A")])
    Group.objects.update(read_due_at=None, read_silent=False)
    assign.segments([named("B", at=T0 + MINUTE)])
    assert group().read_due_at is None
    assign.segments([named("B", query="number_of_orders = 0", at=T0 + 2 * MINUTE)])
    assert group().read_due_at is not None and group().read_silent


def test_joining_and_leaving(shop):
    ada = customer(1)
    assign.said([MemberFact(SEGMENT, 1, joined=True, at=T0)])
    assert members() == {ada} and events(ada) == ["entered"]
    assert group().name == f"Segment {SEGMENT}" and group().read_due_at is not None
    assign.said([MemberFact(SEGMENT, 1, joined=True, at=T0)])  # a repeat
    assign.said([MemberFact(SEGMENT, 1, joined=False, at=T0 - MINUTE)])  # late
    assert members() == {ada} and events(ada) == ["entered"]
    assign.said([MemberFact(SEGMENT, 1, joined=False, at=T0)])  # of the same moment: leaving wins
    assert members() == set() and events(ada) == ["entered", "left"]
    assign.said([MemberFact(SEGMENT, 1, joined=True, at=T0 - MINUTE)])
    assert members() == set()


def test_who_left_before_we_heard_of_the_joining_is_no_member(shop):
    ada = customer(1)
    assign.said([MemberFact(SEGMENT, 1, joined=False, at=T0)])
    assign.said([MemberFact(SEGMENT, 1, joined=True, at=T0 - MINUTE)])
    assert members() == set() and events(ada) == []


def test_a_member_whose_customer_is_not_here_waits(shop):
    assign.said([MemberFact(SEGMENT, 7, joined=True, at=T0), MemberFact(OTHER, 7, joined=False, at=T0)])
    assert members() == members(OTHER) == set()
    late = customer(7)
    assert members() == {late} and members(OTHER) == set()
    assert events(late) == ["entered"]


def test_a_guest_who_becomes_the_customer_takes_the_place_that_waits(shop):
    assign.said([MemberFact(SEGMENT, 8, joined=True, at=T0)])
    made = guest(8)
    assign.guests([made])
    guests = Group.objects.get(kind="SHOPIFY_GUESTS")
    assert guests.name == "Shopify - Guests"
    assert GroupMember.objects.filter(group_id=guests.pk, contact_id=made).exists()
    applied = apply(
        [ContactChange(source=Source.SHOPIFY, at=T0, shopify_customer_id=8, profile=Profile(email="g8@example.com"))]
    )
    assert applied[0].contact_id == made
    assign.link(applied)
    assert members() == {made}
    assert not GroupMember.objects.filter(group_id=guests.pk).exists()
    assert Contact.objects.get(pk=made).labels == ["Shopify"]


def test_only_guests_are_in_the_group_of_guests(shop):
    one, two = guest(1), customer(2)
    assign.guests([one, two])
    assert list(GroupMember.objects.values_list("contact_id", flat=True)) == [one]
    assign.guests([one])
    assert GroupMember.objects.count() == 1
    assert assign.guests_more(0) == one and assign.guests_more(one) is None


@pytest.mark.parametrize("joined_first", [True, False])
def test_a_deleted_contact_is_in_no_group(shop, joined_first):
    ada = customer(1)
    said = MemberFact(SEGMENT, 1, joined=True, at=T0)
    if joined_first:
        assign.said([said])
    apply([ContactChange(source=Source.SHOPIFY, shopify_customer_id=1, deleted=True, at=T0)])
    if not joined_first:
        assign.said([said])
    assert not GroupMember.objects.exists()
    assert queries.of_contact(Contact.objects.get(pk=ada)) == []


def test_a_member_who_waits_for_somebody_deleted_goes(shop):
    assign.said([MemberFact(SEGMENT, 1, joined=True, at=T0)])
    customer(1, deleted=True)
    assert not GroupMember.objects.exists()


def in_groups() -> set[tuple[str | None, int]]:
    """(source, contact) of the living members."""
    names = dict(Group.objects.values_list("pk", "source_type"))
    rows = GroupMember.objects.filter(member=True, contact_id__in=Contact.objects.filter(deleted_at=None).values("pk"))
    return {(names[group_id], contact_id) for group_id, contact_id in rows.values_list("group_id", "contact_id")}


def test_merging_unites_groups_and_can_be_undone(shop):
    survivor, other, both = customer(1), guest(2), guest(3)
    assign.guests([other, both])
    assign.said([MemberFact(SEGMENT, 1, joined=True, at=T0)])
    before = in_groups()
    assert before == {("segment", survivor), ("guests", other), ("guests", both)}
    for one, into, after in (
        (both, other, before - {("guests", both)}),
        (other, survivor, before - {("guests", other)}),  # a customer is no guest
    ):
        done = merge.merge(into, one, cause=ContactMerge.Cause.STAFF, actor=Actor("staff", "1"))
        assign.count()
        assert in_groups() == after
        assert Group.objects.get(source_type="guests").members_count == 1
        merge.part(done, actor=Actor("staff", "1"))
        assign.count()
        assert in_groups() == before
        assert Group.objects.get(source_type="guests").members_count == 2


def test_the_groups_of_a_guest_follow_into_somebody_who_is_no_customer(shop):
    profile = Profile(first_name="Wrote", phone="+447911123456")
    [writer] = apply([ContactChange(source=Source.INBOUND, at=T0, profile=profile, wa_id="447911123456")])
    one = guest(2)
    assign.guests([one])
    done = merge.merge(writer.contact_id, one, cause=ContactMerge.Cause.STAFF, actor=Actor("staff", "1"))
    assert in_groups() == {("guests", writer.contact_id)}
    merge.part(done, actor=Actor("staff", "1"))
    assert in_groups() == {("guests", one)}


def test_a_segment_follows_the_surviving_customer_alone(shop):
    kept, gone = customer(1), customer(2)
    assign.said([MemberFact(SEGMENT, 2, joined=True, at=T0)])
    merge.merge(kept, gone, cause=ContactMerge.Cause.SHOPIFY, actor=Actor("shop", "shopify"))
    assert in_groups() == set()
    assign.said([MemberFact(SEGMENT, 1, joined=True, at=T0), MemberFact(SEGMENT, 2, joined=True, at=T0 + MINUTE)])
    assert in_groups() == {("segment", kept)}


def test_members_are_counted(shop):
    customer(1, tags=["VIP", "b2b"]), customer(2, tags=["vip"]), customer(3, tags=["vip"], deleted=True)
    assign.said([MemberFact(SEGMENT, number, joined=True, at=T0) for number in (1, 2, 99)])
    assign.tags_met(["VIP", "vip", "b2b"])
    assert assign.count() == 3 and assign.count() == 0
    counts = dict(Group.objects.values_list("external_id", "members_count"))
    assert counts == {str(SEGMENT): 2, "vip": 2, "b2b": 1}
    apply([ContactChange(source=Source.SHOPIFY, shopify_customer_id=1, deleted=True, at=T0)])
    assert assign.count() == 1
    assert group().members_count == 1


def test_another_shop_has_groups_of_its_own(shop, make_shop):
    from sayso.shops.tenancy import enter_shop

    customer(1)
    assign.said([MemberFact(SEGMENT, 1, joined=True, at=T0)])
    other = make_shop()
    enter_shop(other.pk)
    assert not Group.objects.exists() and not GroupMember.objects.exists()
    assign.segments([named("Theirs")])
    assign.said([MemberFact(SEGMENT, 1, joined=True, at=T0)])
    assert members() == set()
    enter_shop(shop.pk)
    assert group().name == f"Segment {SEGMENT}" and len(members()) == 1


def test_times_are_as_they_were_told(shop):
    customer(1)
    at = datetime(2026, 11, 1, 12, 0, 0, 123456, tzinfo=UTC)
    assign.said([MemberFact(SEGMENT, 1, joined=True, at=at)])
    assert Event.objects.get(kind="segment.entered").occurred_at == at
    assert Event.objects.get(kind="segment.entered").data == {"group": str(group().pk), "name": group().name}
