"""Two contacts become one, and are parted again: nothing is lost, nothing gets more permissive."""

from __future__ import annotations

import subprocess
import sys
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from django.db import DatabaseError, IntegrityError, connection, transaction
from tests.consenting import PHONE, T0, event, make_contact, state
from tests.making import make_template

from sayso.choices import preferences, tokens
from sayso.choices.models import Feedback
from sayso.commerce.models import Order
from sayso.consent.events import Channel
from sayso.consent.models import LedgerEntry
from sayso.consent.proof import document, records
from sayso.consent.proof.collect import collect
from sayso.consent.record import record
from sayso.contacts import following, merge
from sayso.contacts.apply import Actor, apply
from sayso.contacts.changes import ContactChange, Profile, Source
from sayso.contacts.models import Contact, ContactMerge, Identity
from sayso.events.models import Event
from sayso.messaging.models import Message, MessageSkip, PossibleOptOut
from sayso.privacy import people, requests, work
from sayso.shops.models import Shop
from sayso.shops.tenancy import enter_shop

pytestmark = pytest.mark.usefixtures("shop")

OTHER = "+447911123457"
STAFF = Actor("staff", "7")


def guest(phone: str | None = OTHER, email: str | None = "guest@example.com", **profile) -> int:
    """A contact that is no customer of the store."""
    change = ContactChange(
        source=Source.STAFF,
        at=T0,
        profile=Profile(phone=phone, email=email, country="GB", **profile),
        tags=["b2b", "VIP"],
    )
    return apply([change])[0].contact_id


def unite(survivor: int, merged: int, cause=ContactMerge.Cause.STAFF) -> int:
    return merge.merge(survivor, merged, cause=cause, actor=STAFF)


def row(contact_id: int) -> Contact:
    return Contact.objects.get(pk=contact_id)


def test_every_table_that_names_a_contact_is_declared(db):
    with connection.cursor() as cursor:
        cursor.execute(
            """select c.relname from pg_class c join pg_attribute a on a.attrelid = c.oid and a.attname = 'contact_id'
            where c.relnamespace = 'public'::regnamespace and c.relkind in ('r', 'p') and not a.attisdropped"""
        )
        tables = {name for (name,) in cursor.fetchall()}
    declared = {one.table: one for one in following.declared()}
    assert tables - set(declared) == set()
    assert all(
        (one.move is None) == bool(one.stays) and (one.move is None) == (one.back is None) for one in declared.values()
    )


def test_the_survivors_values_win_and_blanks_are_filled():
    survivor = make_contact(1, PHONE, None)
    apply([ContactChange(source=Source.STAFF, at=T0, contact_id=survivor, profile=Profile(first_name="Ada"), tags=["vip"],
                         fields=frozenset({"first_name"}))])  # fmt: skip
    merged = guest(first_name="Augusta", last_name="King", city="London", postcode="N1")
    unite(survivor, merged)
    one = row(survivor)
    assert (one.first_name, one.last_name, one.phone, one.email) == ("Ada", "King", PHONE, "guest@example.com")
    assert (one.city, one.postcode, one.tags) == ("London", "N1", ["vip", "b2b"])
    assert "guest@example.com" in one.search
    assert row(merged).deleted_at is not None
    assert list(Identity.objects.filter(contact_id=survivor).values_list("kind", "value", "former")) == [
        ("phone", OTHER, True)
    ]
    assert set(Event.objects.filter(kind="contact.merged").values_list("contact_id", "actor_id")) == {
        (survivor, "7"), (merged, "7"),
    }  # fmt: skip


def test_excluded_if_either():
    survivor, merged = make_contact(), guest()
    apply([ContactChange(source=Source.STAFF, at=T0, contact_id=merged, excluded=True)])
    unite(survivor, merged)
    assert row(survivor).excluded


def test_a_place_is_of_one_of_them():
    """The survivor's street with the other one's city would be nowhere."""
    survivor, merged = guest(PHONE, None, city="Paris"), guest(city="London", address="1 High Street", postcode="N1")
    unite(survivor, merged)
    assert (row(survivor).city, row(survivor).address) == ("Paris", None)


def test_consent_for_an_address_that_is_taken_over_comes_with_it():
    survivor, merged = make_contact(1, None, "ada@example.com"), guest(OTHER, None)
    record([event(merged, "OPT_IN", 1)])
    unite(survivor, merged)
    assert row(survivor).phone == OTHER
    assert state(survivor) == "SUBSCRIBED"
    assert LedgerEntry.objects.filter(contact_id=survivor, event="MERGE").count() == len(Channel)


def test_an_opt_out_of_either_is_one_of_both():
    survivor, merged = make_contact(1, PHONE, None), guest(OTHER, None)
    record([event(survivor, "OPT_IN", 1), event(merged, "OPT_OUT", 1)])
    unite(survivor, merged)
    assert state(survivor) == "UNSUBSCRIBED"


@pytest.fixture
def belongings():
    """What a contact has in the rooms."""

    def give(contact_id: int) -> None:
        Order.objects.create(
            shop_id=row(contact_id).shop_id, contact_id=contact_id, shopify_order_id=1, name="#1", status="INITIALIZED",
            total=1, currency="EUR", placed_at=T0, source_updated_at=T0,
        )  # fmt: skip
        with connection.cursor() as cursor:
            cursor.execute(
                """insert into message (shop_id, contact_id, channel, direction, origin, status)
                select current_shop(), %s, 'whatsapp', 'IN', 'INBOX', 'RECEIVED' returning id""",
                [contact_id],
            )
            (message,) = cursor.fetchone()
        shop = row(contact_id).shop_id
        PossibleOptOut.objects.create(shop_id=shop, contact_id=contact_id, message_id=message, word="leave")
        MessageSkip.objects.create(shop_id=shop, origin="CAMPAIGN", origin_id=5, contact_id=contact_id, code="X")
        MessageSkip.objects.create(shop_id=shop, origin="CAMPAIGN", origin_id=6, contact_id=contact_id, code="X")
        Feedback.objects.create(shop_id=shop, contact_id=contact_id, channel="email", reason="OTHER")

    return give


HAVE = ("orders", "message", "possible_opt_out", "unsubscribe_feedback", "message_skip")


def counts(contact_id: int) -> dict[str, int]:
    with connection.cursor() as cursor:
        found = {}
        for table in HAVE:
            cursor.execute(f"select count(*) from {table} where contact_id = %s", [contact_id])
            found[table] = cursor.fetchone()[0]
    return found


def test_what_they_have_follows_and_comes_back(belongings):
    survivor, merged = make_contact(1, PHONE, None), guest()
    belongings(merged)
    MessageSkip.objects.create(
        shop_id=row(merged).shop_id, origin="CAMPAIGN", origin_id=5, contact_id=survivor, code="Y"
    )
    number = unite(survivor, merged)
    assert counts(merged) == dict.fromkeys(HAVE, 0) | {"message_skip": 1}
    assert counts(survivor) == dict.fromkeys(HAVE, 1) | {"message_skip": 2}
    merge.part(number, actor=STAFF)
    assert counts(merged) == dict.fromkeys(HAVE, 1) | {"message_skip": 2}
    assert counts(survivor) == dict.fromkeys(HAVE, 0) | {"message_skip": 1}


def test_a_message_that_waits_does_not_follow():
    """It was meant for somebody who is hidden now; the gate says so when its turn comes."""
    survivor, merged = make_contact(1, PHONE, None), guest()
    template = make_template(Shop.objects.get(pk=row(merged).shop_id))
    with connection.cursor() as cursor:
        cursor.execute(
            """insert into message (shop_id, contact_id, channel, direction, origin, status, purpose, template_id, address_key)
            select current_shop(), %s, 'whatsapp', 'OUT', 'CAMPAIGN', 'QUEUED', 'MARKETING', %s, phone_key from contact
            where id = %s""",
            [merged, template.pk, merged],
        )
    unite(survivor, merged)
    assert counts(merged)["message"] == 1
    with connection.cursor() as cursor:
        cursor.execute("select message_claim(array_agg(id)) from message")
    assert Message.objects.get().error_code == "CUSTOMER_IS_DELETED"


def test_messages_change_hands_by_a_merge_alone():
    survivor, merged = make_contact(1, PHONE, None), guest()
    with pytest.raises(DatabaseError, match="is not part of"), transaction.atomic(), connection.cursor() as cursor:
        cursor.execute("select * from messages_follow(%s, %s)", [survivor, merged])


def test_parted_again_each_has_its_own_and_consent_stays_strict():
    survivor, merged = make_contact(1, PHONE, "ada@example.com"), guest(OTHER, None, last_name="King")
    record([event(merged, "OPT_IN", 1), event(survivor, "OPT_OUT", 2)])
    before = {pk: snapshot(pk) for pk in (survivor, merged)}
    number = unite(survivor, merged)
    assert row(survivor).last_name == "King"
    merge.part(number, actor=STAFF)
    assert {pk: snapshot(pk) for pk in (survivor, merged)} == before
    assert state(survivor) == state(merged) == "UNSUBSCRIBED"
    assert Event.objects.filter(kind="contact.parted").count() == 2
    with pytest.raises(merge.Refused, match="undone already"):
        merge.part(number, actor=STAFF)
    unite(survivor, merged)


def snapshot(contact_id: int) -> tuple:
    one = row(contact_id)
    names = sorted(Identity.objects.filter(contact_id=contact_id).values_list("kind", "value", "former"))
    return (
        one.first_name, one.last_name, one.email, one.phone, one.phone_key, one.tags, one.labels, one.excluded, one.city,
        one.external_customer_id, one.search, one.deleted_at, one.orders_count, names,
    )  # fmt: skip


def test_an_external_id_moves_and_comes_back():
    survivor = make_contact(1, PHONE, None)
    [made] = apply(
        [ContactChange(source=Source.API, at=T0, external_customer_id="crm-9", profile=Profile(phone=OTHER))]
    )
    number = unite(survivor, made.contact_id)
    assert (row(survivor).external_customer_id, row(made.contact_id).external_customer_id) == ("crm-9", None)
    merge.part(number, actor=STAFF)
    assert (row(survivor).external_customer_id, row(made.contact_id).external_customer_id) == (None, "crm-9")


def test_names_by_which_messages_find_people_follow():
    survivor, merged = make_contact(1, PHONE, None), guest(OTHER, None)
    apply([ContactChange(source=Source.INBOUND, at=T0, contact_id=merged, wa_id="447911123457", bsuid="GB.1")])
    number = unite(survivor, merged)
    [found] = apply([ContactChange(source=Source.INBOUND, at=T0, wa_id="447911123457", profile=Profile(phone=OTHER),
                                   fields=frozenset())])  # fmt: skip
    assert found.contact_id == survivor
    merge.part(number, actor=STAFF)
    assert Identity.objects.filter(contact_id=merged, kind__in=("wa_id", "bsuid")).count() == 2


@pytest.mark.parametrize("code", ["REDACTED", "DELETED", "TWO_CUSTOMERS", "NO_SUCH_CONTACT"])
def test_who_is_merged_with_nobody(code):
    survivor, merged = make_contact(1, PHONE, None), guest()
    if code == "REDACTED":
        record([event(merged, "REDACT", 1)])
        with pytest.raises(IntegrityError, match="merged with nobody"), transaction.atomic():
            unite(survivor, merged)
        return
    if code == "DELETED":
        apply([ContactChange(source=Source.STAFF, at=T0, contact_id=merged, deleted=True)])
    if code == "TWO_CUSTOMERS":
        merged = make_contact(2, OTHER, None)
    if code == "NO_SUCH_CONTACT":
        merged = survivor
    with pytest.raises(merge.Refused) as refused:
        unite(survivor, merged)
    assert refused.value.code == code
    with pytest.raises(merge.Refused):
        merge.survivor_of(row(survivor), row(merged))
    assert not ContactMerge.objects.exists()


def test_the_customer_survives_else_the_older():
    customer, first, second = make_contact(1, PHONE, None), guest(), guest("+447911123458", "x@example.com")
    assert merge.survivor_of(row(first), row(customer))[0].pk == customer
    assert merge.survivor_of(row(second), row(first))[0].pk == first


def test_chains_lead_to_the_last_survivor():
    last, middle, first = make_contact(1, PHONE, None), guest(), guest("+447911123458", "x@example.com")
    inner = unite(middle, first)
    unite(last, middle)
    ends = merge.survivors([first, middle, last])
    assert {merged: end.contact_id for merged, end in ends.items()} == {first: last, middle: last}
    assert set(merge.whole_person([first])) == {first, middle, last}
    assert merge.with_merged([middle]) == sorted([middle, first])
    with pytest.raises(merge.Refused, match="part of another contact"):
        merge.part(inner, actor=STAFF)


def test_what_is_written_late_for_the_hidden_one_follows(belongings):
    survivor, merged = make_contact(1, PHONE, None), guest()
    number = unite(survivor, merged)
    belongings(merged)
    assert merge.bring_along([merged, survivor])[merged].contact_id == survivor
    assert counts(survivor)["orders"] == 1
    merge.part(number, actor=STAFF)
    assert counts(merged)["orders"] == 1


def test_after_thirty_days_and_for_the_stores_own_merges_there_is_no_way_back():
    survivor, merged = make_contact(1, PHONE, None), make_contact(2, OTHER, None)
    with pytest.raises(merge.Refused, match="cannot be undone"):
        merge.part(unite(survivor, merged, ContactMerge.Cause.SHOPIFY), actor=STAFF)
    assert datetime.now(UTC) - ContactMerge.objects.get().merged_at < timedelta(minutes=1)


def test_the_proof_of_one_holds_the_chains_of_both(tmp_path):
    shop = Shop.objects.get(pk=row(make_contact(1, PHONE, None)).shop_id)
    survivor, merged = Contact.objects.get().pk, guest(OTHER, None)
    record([event(merged, "OPT_IN", 1), event(survivor, "OPT_IN", 2)])
    unite(survivor, merged)
    proof = collect(shop, survivor)
    assert proof is not None
    assert {step.entry.contact_id for step in proof.steps} == {survivor, merged}
    assert proof.findings == []
    assert next(step.evidence for step in proof.steps if step.entry.event == "MERGE") == [
        {"merged_contact": str(merged)}
    ]
    said = dict(document.head(proof))
    assert said["Merged with contacts"] == str(merged)
    file = tmp_path / "proof.jsonl"
    file.write_bytes(b"".join(records.jsonl(proof)))
    verify = Path(document.__file__).parent / "standalone" / "verify.py"
    done = subprocess.run([sys.executable, verify, file], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    lines = file.read_bytes().splitlines(keepends=True)
    file.write_bytes(b"".join([lines[0], *lines[2:]]))  # the first entry of the merged one is gone
    done = subprocess.run([sys.executable, verify, file], capture_output=True, text=True, check=False)
    assert done.returncode == 1


def test_erasing_one_erases_both():
    survivor, merged = make_contact(1, PHONE, None), guest(OTHER, None, first_name="Augusta")
    unite(survivor, merged)
    shop = Shop.objects.get(pk=row(merged).shop_id)
    assert set(people.find(people.Named(phone=PHONE), shop)) == {survivor, merged}
    [request] = requests.open_all(
        shop.pk, [requests.Asking(requests.Kind.REDACT, people.Named(customer_id=1))], origin=requests.Origin.SHOPIFY,
        actor_kind="shop", actor_id="shopify",
    )  # fmt: skip
    assert work.carry_out(shop.pk, request.pk)
    enter_shop(shop.pk)
    assert row(merged).redacted_at is not None
    assert row(merged).first_name is None
    assert row(survivor).redacted_at is not None
    assert ContactMerge.objects.get().undo == {}


def test_a_link_that_went_to_the_merged_one_is_of_the_survivor():
    survivor, merged = make_contact(1, PHONE, None), guest(OTHER, None)
    unite(survivor, merged)
    shop = row(merged).shop_id
    found = preferences.standing(tokens.Person(shop, merged, Channel.WHATSAPP, ""))
    assert found is not None
    assert found.contact.pk == survivor


def test_who_opts_out_from_the_other_number_is_not_messaged_on_this_one():
    """Whoever has that number is found by it, the hidden contact too; and that is the survivor."""
    survivor, merged = make_contact(1, PHONE, None), guest(OTHER, None)
    record([event(survivor, "OPT_IN", 1), event(merged, "OPT_IN", 1)])
    unite(survivor, merged)
    [found] = apply([ContactChange(source=Source.INBOUND, at=T0, wa_id="447911123457", profile=Profile(phone=OTHER))])
    record([event(found.contact_id, "OPT_OUT", 60)])
    assert state(survivor) == "UNSUBSCRIBED"
