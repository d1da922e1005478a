"""A person is erased: what goes, what stays, and that nothing brings them back."""

from __future__ import annotations

import json
from datetime import timedelta
from decimal import Decimal
from hashlib import sha256

import pytest
from django.db import DatabaseError, connection, transaction
from django.utils import timezone
from tests.making import T0

from sayso.commerce.apply import apply as apply_orders
from sayso.commerce.changes import LineChange, OrderChange
from sayso.commerce.models import Order, OrderLine
from sayso.consent.events import Channel, ConsentEvent
from sayso.consent.models import ConsentState, Evidence, LedgerEntry, Suppression
from sayso.consent.record import record
from sayso.contacts import addresses
from sayso.contacts.apply import apply
from sayso.contacts.changes import ContactChange, Profile, Source
from sayso.contacts.models import Contact, Identity
from sayso.events.models import Event
from sayso.messaging.gate import reach
from sayso.messaging.models import Message
from sayso.messaging.send import queue
from sayso.privacy import requests, work
from sayso.privacy.models import PrivacyRequest
from sayso.privacy.people import Named
from sayso.shops.models import Shop
from sayso.shops.tenancy import shop_context

PHONE, EMAIL = "+447911123456", "eve@example.com"


def eve(*events: str, customer: int = 900, phone: str | None = PHONE, email: str | None = EMAIL) -> int:
    """Somebody of whom every room holds something."""
    [made] = apply(
        [
            ContactChange(
                source=Source.SHOPIFY,
                at=T0,
                shopify_customer_id=customer,
                external_customer_id=f"crm-{customer}",
                profile=Profile(
                    "Eve", "Adams", email, phone, note="likes tea", country="GB", city="Leeds", address="1 High St"
                ),
                tags=["vip"],
                wa_id=phone and phone.lstrip("+"),
            )
        ]
    )
    record(
        ConsentEvent(
            made.contact_id, Channel.WHATSAPP, event, T0, "shopify", evidence={"reference": EMAIL, "ip": "192.0.2.1"}
        )
        for event in events
    )
    return made.contact_id


def order(number: int = 1, *, customer: int | None = 900, at=T0, **fields: object) -> OrderChange:
    return OrderChange(
        shopify_order_id=number, shopify_customer_id=customer, name=f"#{number}", status="INITIALIZED", total=Decimal("12.50"),
        currency="GBP", placed_at=T0, at=at, email=EMAIL, phone=PHONE, tags=["gift for Eve"], checkout_token="c0ffee", **fields,
    )  # fmt: skip


def chain_is_whole(contact_id: int) -> None:
    """The chain as anybody can recompute it from the entries alone."""
    previous = None
    for entry in LedgerEntry.objects.filter(contact_id=contact_id).order_by("id"):
        told = json.loads(entry.entry)
        assert sha256(entry.entry.encode()).digest() == bytes(entry.hash)
        assert told["prev"] == (previous and previous.hex())
        previous = bytes(entry.hash)
    assert bytes(ConsentState.objects.get(contact_id=contact_id).head_hash) == previous


def suppressed(shop, address: str) -> set[str]:
    secret = addresses.shop_secret(shop.pk)
    key = addresses.email_key(secret, address) if "@" in address else addresses.phone_key(secret, address)
    return set(Suppression.objects.filter(address_key=key).values_list("kind", flat=True))


def sendable(channel: str = "whatsapp") -> int:
    return reach({"all": True}, channel=channel, purpose="MARKETING").sendable


def why_not(contact_id: int, channel: str = "whatsapp") -> str | None:
    with connection.cursor() as cursor:
        cursor.execute("select code from message_gate(%s, 'MARKETING', %s, NULL)", [channel, [contact_id]])
        return cursor.fetchone()[0]


def every_text() -> str:
    """Everything the shop holds in its tables, as one text."""
    with connection.cursor() as cursor:
        cursor.execute(
            "select table_name from information_schema.columns where column_name = 'shop_id' and table_schema = 'public'"
        )
        tables = [name for (name,) in cursor.fetchall()]
        found = []
        for table in tables:
            cursor.execute(f"select coalesce(string_agg(to_jsonb(t)::text, ' '), '') from {table} t")
            found.append(cursor.fetchone()[0])
    return " ".join(found)


def test_everything_that_names_the_person_goes_and_the_rest_stays(shop, ask, sender, template):
    contact = eve("OPT_IN")
    apply_orders([order()])
    queue([contact], template=template, sender_id=sender.pk, origin="CAMPAIGN", origin_id=7)
    Message.objects.create(
        shop_id=shop.pk, contact_id=contact, channel="whatsapp", direction="IN", origin="INBOX", status="RECEIVED",
        body="I live in Leeds", provider_id="wamid.NDQ3OTExMTIzNDU2",
    )  # fmt: skip
    entries = list(LedgerEntry.objects.filter(contact_id=contact).values_list("id", "entry", "hash", "evidence_digest"))

    request = ask(customer_id=900)

    assert (request.status, request.subject, request.contact_ids) == ("DONE", None, [contact])
    shell = Contact.objects.get(pk=contact)
    assert shell.redacted_at and shell.shopify_customer_id == 900
    personal = ("first_name", "last_name", "email", "email_key", "phone", "phone_raw", "phone_key", "note", "address", "city",
                "country", "external_customer_id")  # fmt: skip
    assert [name for name in personal if getattr(shell, name) is not None] == []
    assert (shell.tags, shell.search) == ([], "")
    assert not Identity.objects.filter(contact_id=contact).exists()
    queued, inbound = Message.objects.filter(contact_id=contact).order_by("id")
    assert (queued.status, queued.error_code) == ("SKIPPED", "CUSTOMER_IS_REDACTED")
    assert (inbound.status, inbound.body, inbound.provider_id) == ("RECEIVED", None, None)
    kept = Order.objects.get()
    assert (kept.total, kept.placed_at, kept.email, kept.phone, kept.tags) == (Decimal("12.50"), T0, None, None, [])
    text = every_text()
    for name in (
        "Eve",
        "Adams",
        EMAIL,
        "447911123456",
        "192.0.2.1",
        "Leeds",
        "likes tea",
        "High St",
        "crm-900",
        "c0ffee",
    ):
        assert name not in text, name

    # The ledger: what was there is there unchanged, REDACT was added on every channel, the chain is whole.
    after = list(LedgerEntry.objects.filter(contact_id=contact).order_by("id"))
    assert [(e.id, e.entry, e.hash, e.evidence_digest) for e in after[: len(entries)]] == entries
    assert {(e.channel, e.event, e.to_state) for e in after[len(entries) :]} == {
        (channel, "REDACT", "REDACTED") for channel in Channel
    }
    assert not Evidence.objects.exists()
    chain_is_whole(contact)
    assert suppressed(shop, PHONE) == suppressed(shop, EMAIL) == {"REDACTED"}
    assert Event.objects.filter(kind="contact.redacted", contact_id=contact).count() == 1
    assert why_not(contact) == "CUSTOMER_IS_REDACTED"


def test_former_addresses_are_suppressed_and_other_suppressions_stay(shop, ask):
    contact = eve("OPT_IN")
    apply([ContactChange(source=Source.SHOPIFY, at=T0 + timedelta(days=1), shopify_customer_id=900,
                         profile=Profile("Eve", "Adams", "new@example.com", "+447911999999", country="GB"))])  # fmt: skip
    record([ConsentEvent(contact, Channel.WHATSAPP, "OPT_OUT", T0 + timedelta(days=2), "stop_reply")])
    ask(customer_id=900)
    assert suppressed(shop, PHONE) == suppressed(shop, EMAIL) == suppressed(shop, "new@example.com") == {"REDACTED"}
    assert suppressed(shop, "+447911999999") == {"OPT_OUT", "REDACTED"}
    chain_is_whole(contact)


def shopify_sync(**changed):
    apply([ContactChange(source=Source.SHOPIFY, at=timezone.now(), shopify_customer_id=900,
                         profile=Profile("Eve", "Adams", EMAIL, PHONE, country="GB"), tags=["vip"])])  # fmt: skip


def another_customer():
    [made] = apply([ContactChange(source=Source.SHOPIFY, at=timezone.now(), shopify_customer_id=901,
                                  profile=Profile("Eve", "Adams", EMAIL, PHONE, country="GB"))])  # fmt: skip
    now = timezone.now()
    record([ConsentEvent(made.contact_id, channel, "SHOP_SUBSCRIBED", now, "shopify", "shop", shop_value="SUBSCRIBED")
            for channel in Channel])  # fmt: skip


def webhook_of_consent():
    record([ConsentEvent(Contact.objects.get(shopify_customer_id=900).pk, Channel.WHATSAPP, "SHOP_SUBSCRIBED", timezone.now(),
                         "shopify", "shop", shop_value="SUBSCRIBED", address=PHONE)])  # fmt: skip


def imported_with_proof(source=Source.IMPORT, event="IMPORT_WITH_PROOF"):
    [made] = apply([ContactChange(source=source, at=timezone.now(), external_customer_id="crm-900",
                                  profile=Profile("Eve", "Adams", EMAIL, PHONE, country="GB"))])  # fmt: skip
    record([ConsentEvent(made.contact_id, channel, event, timezone.now(), "manual_import", "staff",
                         evidence={"reference": "row 7"}) for channel in Channel])  # fmt: skip


def api_with_proof():
    imported_with_proof(Source.API, "API_WITH_PROOF")


def staff_with_proof():
    imported_with_proof(Source.STAFF, "STAFF_WITH_PROOF")


def a_form():
    [made] = apply([ContactChange(source=Source.API, at=timezone.now(), profile=Profile("Eve", None, EMAIL, PHONE))])
    record([ConsentEvent(made.contact_id, channel, "OPT_IN", timezone.now(), "hosted_form") for channel in Channel])


def an_inbound_message():
    [made] = apply([ContactChange(source=Source.INBOUND, at=timezone.now(), wa_id=PHONE.lstrip("+"),
                                  profile=Profile("Eve", None, None, PHONE), fields=frozenset(),
                                  message_received_at=timezone.now())])  # fmt: skip
    record([ConsentEvent(made.contact_id, Channel.WHATSAPP, "CHAT_START", timezone.now(), "chat_widget")])


def a_guest_order():
    apply_orders([order(77, customer=None, at=timezone.now())])
    contact = Order.objects.get(shopify_order_id=77).contact_id
    record([ConsentEvent(contact, Channel.EMAIL, "SHOP_SUBSCRIBED", timezone.now(), "guest_checkout", address=EMAIL)])


def restored_by_an_update():
    shell = Contact.objects.get(shopify_customer_id=900)
    apply([ContactChange(source=Source.API, at=timezone.now(), contact_id=shell.pk, wa_id=PHONE.lstrip("+"), bsuid="US.1",
                         profile=Profile("Eve", "Adams", EMAIL, PHONE), excluded=False)])  # fmt: skip
    record(
        [
            ConsentEvent(shell.pk, Channel.WHATSAPP, event, timezone.now(), "api")
            for event in ("OPT_IN", "CONFIRM", "RESUME")
        ]
    )


@pytest.mark.parametrize(
    "way_in",
    [shopify_sync, another_customer, webhook_of_consent, imported_with_proof, api_with_proof, staff_with_proof, a_form,
     an_inbound_message, a_guest_order, restored_by_an_update],
)  # fmt: skip
@pytest.mark.parametrize("opted_out_before", [False, True])
def test_nothing_makes_a_redacted_person_messageable(shop, ask, way_in, opted_out_before):
    """Probes 5 and 6 of features §21.1."""
    contact = eve(*(["OPT_IN", "OPT_OUT"] if opted_out_before else ["OPT_IN"]))
    apply_orders([order()])
    ask(customer_id=900)
    way_in()
    shell = Contact.objects.get(pk=contact)
    assert (shell.email, shell.phone, shell.first_name) == (None, None, None)
    assert not Identity.objects.filter(contact_id=contact).exists()
    assert ConsentState.objects.get(contact_id=contact).redacted
    assert [sendable(channel) for channel in Channel] == [0, 0, 0]
    chain_is_whole(contact)


def test_only_a_double_opt_in_confirmed_since_opens_the_address_again(committed, as_owner):
    shop = Shop.objects.create(domain="a.myshopify.com", name="A", address_secret="s" * 64)
    with shop_context(shop.pk):
        eve("OPT_IN")
        requests.open_all(shop.pk, [requests.Asking(requests.Kind.REDACT, Named(900))], origin=requests.Origin.STAFF)
    assert work.all_due() == 1
    # Times are compared at whole seconds, and a test does not sleep through one.
    as_owner.execute("update suppression set opted_out_at = opted_out_at - interval '1 hour'")
    with shop_context(shop.pk):
        [made] = apply(
            [ContactChange(source=Source.API, at=timezone.now(), profile=Profile("Eve", None, EMAIL, PHONE))]
        )
        record([ConsentEvent(made.contact_id, Channel.WHATSAPP, "OPT_IN", timezone.now(), "hosted_form")])
        assert ConsentState.objects.get(contact_id=made.contact_id).whatsapp_state == "PENDING"
        assert why_not(made.contact_id) == "CUSTOMER_IS_REDACTED"
        record([ConsentEvent(made.contact_id, Channel.WHATSAPP, "CONFIRM", timezone.now(), "double_opt_in")])
        assert ConsentState.objects.get(contact_id=made.contact_id).whatsapp_state == "SUBSCRIBED"
        assert why_not(made.contact_id) is None
        assert why_not(made.contact_id, "sms") == "CUSTOMER_IS_REDACTED"
        # Erased again, the confirmation of before counts no more.
        requests.open_all(
            shop.pk,
            [requests.Asking(requests.Kind.REDACT, contact_ids=[made.contact_id])],
            origin=requests.Origin.STAFF,
        )
    assert work.all_due() == 1
    with shop_context(shop.pk):
        [again] = apply(
            [ContactChange(source=Source.API, at=timezone.now(), profile=Profile("Eve", None, EMAIL, PHONE))]
        )
        assert again.contact_id != made.contact_id
        assert why_not(again.contact_id) == "CUSTOMER_IS_REDACTED"


def test_the_guard_refuses_what_a_wrong_program_would_send(shop, ask, sender, template):
    eve("OPT_IN")
    ask(customer_id=900)
    [made] = apply([ContactChange(source=Source.API, at=timezone.now(), profile=Profile("Eve", None, EMAIL, PHONE))])
    record([ConsentEvent(made.contact_id, Channel.WHATSAPP, "API_WITH_PROOF", timezone.now(), "api")])
    secret = addresses.shop_secret(shop.pk)
    message = Message.objects.create(
        shop_id=shop.pk, contact_id=made.contact_id, channel="whatsapp", direction="OUT", origin="CAMPAIGN", origin_id=1,
        purpose="MARKETING", template_id=template.pk, sender_id=sender.pk, address=PHONE,
        address_key=addresses.phone_key(secret, PHONE), status="QUEUED",
    )  # fmt: skip
    with connection.cursor() as cursor:
        cursor.execute("select * from message_claim(%s)", [[message.pk]])
        assert cursor.fetchall() == []
    message.refresh_from_db()
    assert (message.status, message.error_code) == ("SKIPPED", "CUSTOMER_IS_REDACTED")


def test_an_order_that_was_erased_stays_so(ask):
    eve()
    apply_orders([order()])
    ask(customer_id=900)
    apply_orders([order(at=timezone.now(), fulfillment_status="FULFILLED"), order(2, at=timezone.now())])
    first, second = Order.objects.order_by("shopify_order_id")
    assert (first.fulfillment_status, first.email, first.phone, first.tags) == ("FULFILLED", None, None, [])
    assert (second.email, second.phone, second.checkout_token) == (None, None, None)
    assert second.contact_id == first.contact_id


def test_a_guest_does_not_come_back_with_an_update_of_the_order(ask):
    apply_orders([order(customer=None)])
    guest = Order.objects.get().contact_id
    ask(email=EMAIL)
    apply_orders([order(customer=None, at=timezone.now())])
    assert Contact.objects.count() == 1
    assert Order.objects.get().contact_id == guest and Order.objects.get().email is None


def test_only_the_orders_that_are_named(ask):
    eve()
    apply_orders([order(1), order(2)])
    ask(customer_id=900, order_ids=(2,))
    assert list(Order.objects.order_by("shopify_order_id").values_list("email", flat=True)) == [EMAIL, None]


@pytest.mark.parametrize(
    ("named", "found"),
    [({"customer_id": 900}, True), ({"email": EMAIL.upper()}, True), ({"phone": "+44 7911 123456"}, True),
     ({"customer_id": 900, "email": "other@example.com"}, True), ({"email": "nobody@example.com", "phone": PHONE}, True),
     ({"customer_id": 5, "email": EMAIL}, False), ({"email": "nobody@example.com"}, False)],
)  # fmt: skip
def test_matched_by_id_then_email_then_phone(ask, named, found):
    contact = eve()
    request = ask(**named)
    assert (contact in request.contact_ids) == found
    assert (Contact.objects.get(pk=contact).redacted_at is not None) == found


def test_a_customer_who_comes_after_the_erasure_does_not_come_in(shop, ask):
    request = ask(customer_id=900, email=EMAIL, phone=PHONE)
    shopify_sync()
    [shell] = Contact.objects.all()
    assert request.contact_ids == [shell.pk] and shell.redacted_at and shell.email is None
    assert suppressed(shop, EMAIL) == suppressed(shop, PHONE) == {"REDACTED"}


def test_the_database_erases_nobody_without_a_request(shop):
    contact = eve("OPT_IN")
    request = PrivacyRequest.objects.create(
        shop_id=shop.pk,
        kind="ACCESS",
        origin="staff",
        due_at=timezone.now(),
        status="IN_PROGRESS",
        contact_ids=[contact],
    )
    for call in (
        "privacy_scrub_contacts(%s, %s)", "privacy_scrub_messages(%s, %s)", "privacy_scrub_events(%s, %s)",
        "privacy_scrub_evidence(%s, %s)",
    ):  # fmt: skip
        for reason in (request.pk, None, 999_999):
            with pytest.raises(DatabaseError), transaction.atomic(), connection.cursor() as cursor:
                cursor.execute(f"select {call}", [reason, [contact]])
    request.kind = "REDACT"
    request.save()
    with pytest.raises(DatabaseError, match="REDACT first"), transaction.atomic(), connection.cursor() as cursor:
        cursor.execute("select privacy_scrub_contacts(%s, %s)", [request.pk, [contact]])
    with pytest.raises(DatabaseError), transaction.atomic(), connection.cursor() as cursor:
        cursor.execute("delete from privacy_request")
    assert Contact.objects.get(pk=contact).email == EMAIL


def test_lines_of_an_order_stay(ask):
    eve()
    apply_orders([order(lines=[LineChange("Mug", 1, Decimal("12.50"))])])
    ask(customer_id=900)
    assert [line.title for line in OrderLine.objects.all()] == ["Mug"]


def test_a_request_that_cannot_be_carried_out_waits_and_says_why(ask, monkeypatch):
    eve()
    monkeypatch.setattr("sayso.privacy.redact.carry_out", lambda request: 1 / 0)
    request = ask(customer_id=900)
    assert request.status == "RECEIVED" and "ZeroDivisionError" in request.error
    assert request.not_before > timezone.now() and request.leased_until is None
    PrivacyRequest.objects.filter(pk=request.pk).update(attempts=7, not_before=timezone.now())
    from tests.privacy.conftest import carried_out

    assert carried_out(request).status == "FAILED"
    monkeypatch.undo()
    requests.again(request, actor_id="1")
    assert carried_out(request).status == "DONE"
