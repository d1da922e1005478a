"""As the application's own role, raw SQL cannot go around the doors."""

from __future__ import annotations

import pytest
from django.db import DatabaseError, connection, transaction
from tests.making import make_contact, make_template

from sayso.messaging.models import Message
from sayso.messaging.send import queue


def refused(statement: str, *parameters: object, words: str) -> None:
    """The statement is refused, for the right reason, and changes nothing."""
    with pytest.raises(DatabaseError, match=words), transaction.atomic(), connection.cursor() as cursor:
        cursor.execute(statement, parameters)


@pytest.fixture
def queued(shop, sender, template) -> Message:
    queue([make_contact("OPT_IN")], origin="CAMPAIGN", origin_id=1, template=template, sender_id=sender.pk)
    return Message.objects.get()


@pytest.mark.parametrize(
    "statement",
    [
        "update contact set excluded = false",
        "insert into contact (shop_id, source, search, tags, labels) values (1, 'api', '', '{}', '{}')",
        "delete from contact",
        "delete from identity",
        "update consent_state set whatsapp_state = 'SUBSCRIBED'",
        "insert into consent_state (shop_id, contact_id) values (1, 1)",
        "delete from consent_state",
        "insert into consent_ledger (shop_id) values (1)",
        "update consent_ledger set outcome = 'ACCEPTED'",
        "delete from consent_ledger",
        "truncate consent_ledger",
        "update consent_evidence set data = ''",
        "delete from suppression",
        "update suppression set opted_out_at = now()",
        "update consent_transition set outcome = 'ACCEPTED'",
        "update message set purpose = 'SERVICE'",
        "update message set contact_id = 1",
        "update message set template_id = null",
        "delete from message",
        "alter table message disable trigger all",
        "drop trigger may_be_sent on message",
        "create or replace function message_gate(text, text, bigint[], text) returns int language sql as 'select 1'",
        "set role sayso_owner",
        "alter table contact disable row level security",
    ],
)
def test_the_application_may_not(queued, statement):
    refused(statement, words="permission denied|must be owner")


def test_not_to_sending_by_hand(queued):
    refused("update message set status = 'SENDING'", words="message_claim")


def test_not_born_in_sending(queued):
    columns = "shop_id, contact_id, channel, direction, origin, template_id, sender_id, address, address_key"
    for status, purpose in (("SENDING", "MARKETING"), ("SENT", "MARKETING"), ("QUEUED", "SERVICE"), ("QUEUED", None)):
        refused(
            f"insert into message ({columns}, status, purpose) select {columns}, %s, %s from message",
            status,
            purpose,
            words="begins QUEUED",
        )


def test_a_template_that_was_called_utility_does_not_make_marketing_go(queued, template):
    """The purpose was settled at queueing; a category that changes afterwards is a contradiction, and refused."""
    template.category = "UTILITY"
    template.save()
    refused("select message_claim(array[%s]::bigint[])", queued.pk, words="claims to be")


def test_the_claim_moves_whom_the_gate_lets_pass(queued):
    with connection.cursor() as cursor:
        cursor.execute("select message_claim(array[%s]::bigint[])", [queued.pk])
        assert cursor.fetchall() == [(queued.pk,)]
        cursor.execute("select message_claim(array[%s]::bigint[])", [queued.pk])
        assert cursor.fetchall() == []


@pytest.mark.parametrize("spoiler", ["opt-out", "excluded", "deleted", "moved"])
def test_what_happens_between_queueing_and_sending_wins(queued, spoiler, shop):
    from datetime import timedelta

    from tests.making import T0

    from sayso.consent.events import Channel, ConsentEvent
    from sayso.consent.record import record
    from sayso.contacts.apply import apply
    from sayso.contacts.changes import ContactChange, Profile, Source

    change = ContactChange(source=Source.STAFF, contact_id=queued.contact_id)
    if spoiler == "opt-out":
        record([ConsentEvent(queued.contact_id, Channel.SMS, "OPT_OUT", None, "test")])
    elif spoiler == "excluded":
        change.excluded = True
    elif spoiler == "deleted":
        change.deleted = True
    else:
        change.profile, change.fields, change.at = (
            Profile(phone="+447911999999"),
            frozenset({"phone"}),
            T0 + timedelta(1),
        )
    apply([change])
    with connection.cursor() as cursor:
        cursor.execute("select message_claim(array[%s]::bigint[])", [queued.pk])
        assert cursor.fetchall() == []
    queued.refresh_from_db()
    assert queued.status == "SKIPPED"
    assert queued.error_code in ("CUSTOMER_IS_NOT_OPTED_IN", "CUSTOMER_IS_EXCLUDED", "CUSTOMER_IS_DELETED")


def test_even_the_owner_cannot_send_to_somebody_who_did_not_agree(shop, sender, template):
    """The trigger stands behind the claim: were the claim wrong, it would still refuse."""
    contact = make_contact()
    with connection.cursor() as cursor:
        cursor.execute(
            """insert into message (shop_id, contact_id, channel, direction, origin, origin_id, purpose, template_id,
            sender_id, address, address_key, status)
            select shop_id, id, 'whatsapp', 'OUT', 'CAMPAIGN', 1, 'MARKETING', %s, %s, phone, phone_key, 'QUEUED'
            from contact where id = %s""",
            [template.pk, sender.pk, contact],
        )
        cursor.execute("select message_claim(array_agg(id)) from message")
        assert cursor.fetchall() == []
    assert Message.objects.get().error_code == "CUSTOMER_IS_NOT_OPTED_IN"


def test_the_definer_functions_are_bound_to_the_shop(shop, queued):
    with connection.cursor() as cursor:
        cursor.execute("select set_config('sayso.shop_id', '', true)")
    refused("select message_claim(array[%s]::bigint[])", queued.pk, words="no shop")
    refused("select consent_record(1, false)", words="no shop")
    with connection.cursor() as cursor:
        cursor.execute("select set_config('sayso.shop_id', %s, true)", [str(shop.pk + 1_000_000)])
        cursor.execute("select message_claim(array[%s]::bigint[])", [queued.pk])
        assert cursor.fetchall() == []


def test_utility_needs_an_opt_in_unless_the_shop_says_otherwise(shop, sender):
    utility = make_template(shop, "UTILITY")
    contact = make_contact()
    assert queue([contact], origin="CAMPAIGN", origin_id=1, template=utility, sender_id=sender.pk).queued == 0
    shop.settings = {"utility_without_marketing_opt_in": True}
    shop.save()
    out = make_contact("OPT_OUT")
    result = queue([contact, out], origin="CAMPAIGN", origin_id=2, template=utility, sender_id=sender.pk)
    assert (result.queued, result.skipped) == (1, 1)
