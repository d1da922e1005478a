"""Contacts through the API: finding, reading, upserting."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from sayso.consent.models import LedgerEntry
from sayso.contacts.apply import apply
from sayso.contacts.changes import ContactChange, Profile, Source
from sayso.contacts.models import Contact

WHEN = datetime(2026, 3, 1, 12, tzinfo=UTC)
PROOF = {"channel": "whatsapp", "state": "SUBSCRIBED", "occurred_at": WHEN.isoformat(), "wording": "Yes, please."}


def from_shopify(number: int, at: datetime = WHEN, **profile: str) -> ContactChange:
    return ContactChange(source=Source.SHOPIFY, shopify_customer_id=number, at=at, profile=Profile(**profile))


@pytest.fixture
def people(shop):
    return apply(
        [
            from_shopify(9007199254740993, first_name="Anna", email="Anna@Example.com", phone="+4915112345678"),
            from_shopify(2, first_name="Bert", email="bert@example.com"),
            ContactChange(source=Source.SHOPIFY, shopify_customer_id=3, at=WHEN, tags=["vip"], profile=Profile()),
        ]
    )


def ids(response) -> list[int]:
    assert response.status_code == 200, response.content
    return [one["id"] for one in response.json()["items"]]


def test_filters(api, people):
    anna, bert, tagged = (one.contact_id for one in people)
    assert ids(api.get("/contacts")) == [tagged, bert, anna]
    assert ids(api.get("/contacts", search="nna")) == [anna]
    assert ids(api.get("/contacts", email="ANNA@example.com")) == [anna]
    assert ids(api.get("/contacts", phone="+49 151 12345678")) == [anna]
    assert ids(api.get("/contacts", sms="004915112345678")) in ([anna], [])
    assert ids(api.get("/contacts", phone="nonsense")) == []
    assert ids(api.get("/contacts", shopify_customer_id="9007199254740993")) == [anna]
    assert ids(api.get("/contacts", tag="vip")) == [tagged]
    assert ids(api.get("/contacts", channel="whatsapp", state="SUBSCRIBED")) == []
    assert ids(api.get("/contacts", channel="whatsapp", state="UNKNOWN")) == [tagged, bert, anna]
    assert api.get("/contacts", state="SUBSCRIBED").json()["invalid_fields"][0]["name"] == "channel"
    assert api.get("/contacts", channel="email").json()["invalid_fields"][0]["name"] == "state"


def test_deleted_contacts_are_asked_for(api, people):
    apply([ContactChange(source=Source.SHOPIFY, shopify_customer_id=2, at=WHEN + timedelta(1), deleted=True)])
    bert = people[1].contact_id
    assert bert not in ids(api.get("/contacts"))
    assert ids(api.get("/contacts", deleted="true")) == [bert]
    assert api.get(f"/contacts/{bert}").json()["deleted_at"]


def test_pages(api, shop):
    made = apply([from_shopify(number, first_name=f"P{number}") for number in range(1, 8)])
    seen, cursor = [], ""
    while cursor is not None:
        page = api.get("/contacts", limit=3, cursor=cursor).json()
        assert page["total"] == 7
        seen += [one["id"] for one in page["items"]]
        cursor = page["next_cursor"]
    assert seen == sorted((one.contact_id for one in made), reverse=True)


def test_one_contact(api, people):
    anna = people[0].contact_id
    contact = api.get(f"/contacts/{anna}").json()
    assert contact["shopify_customer_id"] == "9007199254740993"
    assert (contact["email"], contact["phone"], contact["total_spent"]) == (
        "Anna@Example.com",
        "+4915112345678",
        "0.00",
    )
    assert [one["channel"] for one in contact["consents"]] == ["whatsapp", "sms", "email"]
    assert {one["state"] for one in contact["consents"]} == {"UNKNOWN"}
    assert api.get("/contacts/by-shopify-id/9007199254740993").json() == contact
    assert api.get("/contacts/by-phone/+4915112345678").json() == contact
    assert api.get("/contacts/by-phone/nonsense").status_code == 404
    assert api.get("/contacts/by-shopify-id/77").status_code == 404
    assert api.get("/contacts/by-shopify-id/abc").status_code == 422


def test_upsert_creates_updates_and_finds_unchanged(api, shop):
    anna = {"email": "anna@example.com", "first_name": "Anna", "tags": ["vip"]}
    made = api.upsert(anna).json()["items"][0]
    assert made["outcome"] == "created"
    assert api.upsert(anna).json()["items"][0] == {**made, "outcome": "unchanged"}
    changed = api.upsert({"email": "ANNA@example.com", "last_name": "Berg"}).json()["items"][0]
    assert (changed["contact_id"], changed["outcome"]) == (made["contact_id"], "updated")
    contact = Contact.objects.get()
    # What was not sent stays, and what found the contact is not written.
    assert (contact.first_name, contact.last_name, contact.email, contact.tags) == (
        "Anna", "Berg", "anna@example.com", ["vip"],
    )  # fmt: skip
    assert contact.source == "api"


def test_named_fields_are_the_only_ones_and_missing_ones_are_emptied(api, shop):
    api.upsert({"email": "a@example.com", "first_name": "Anna", "last_name": "Berg", "city": "Bonn"})
    api.upsert(
        {"email": "a@example.com", "first_name": "Ann", "city": "Ulm"}, contact_fields=["first_name", "last_name"]
    )
    contact = Contact.objects.get()
    assert (contact.first_name, contact.last_name, contact.city) == ("Ann", None, "Bonn")
    assert api.upsert(contact_fields=["orders_count"]).json()["invalid_fields"][0]["name"] == "contact_fields"


@pytest.mark.parametrize("dedupe_on", ["sms", "email_or_sms"])
def test_a_phone_number_finds_its_contact_in_any_form(api, shop, dedupe_on):
    made = api.upsert({"phone": "+49 151 12345678"}, dedupe_on=dedupe_on).json()["items"][0]["contact_id"]
    found = api.upsert(
        {"sms": "0151 12345678", "country": "de", "first_name": "Anna"}, dedupe_on=dedupe_on
    ).json()["items"][0]  # fmt: skip
    assert found["contact_id"] == made
    assert Contact.objects.get().phone == "+4915112345678"


def test_an_external_id_wins(api, shop):
    made = api.upsert({"external_customer_id": "K-1", "email": "a@example.com"}).json()["items"][0]["contact_id"]
    moved = api.upsert({"external_customer_id": "K-1", "email": "b@example.com"}).json()["items"][0]
    assert (moved["contact_id"], moved["outcome"]) == (made, "updated")
    assert Contact.objects.get().email == "b@example.com"
    other = api.upsert({"external_customer_id": "K-2", "first_name": "New"}, dedupe_on="external_customer_id").json()
    assert other["items"][0]["outcome"] == "created"


def test_later_items_for_one_contact_come_later(api, shop):
    answer = api.upsert(
        {"email": "a@example.com", "first_name": "One"}, {"email": "A@example.com", "first_name": "Two"}
    ).json()["items"]  # fmt: skip
    assert [one["outcome"] for one in answer] == ["created", "updated"]
    assert len({one["contact_id"] for one in answer}) == 1
    assert Contact.objects.get().first_name == "Two"
    api.upsert({"email": "a@example.com", "first_name": "Three"}, {"email": "a@example.com", "first_name": "Two"})
    assert Contact.objects.get().first_name == "Two"


def test_a_bad_item_does_not_hold_up_the_others(api, people):
    gone = people[1].contact_id
    apply([ContactChange(source=Source.SHOPIFY, shopify_customer_id=2, at=WHEN + timedelta(1), deleted=True)])
    answer = api.upsert(
        {"email": "nonsense"},
        {"email": "good@example.com"},
        {"email": "x@example.com", "phone": "12"},
        {"email": "y@example.com", "shoe_size": 43},
        {"first_name": "Nobody"},
        17,
        {"email": "z@example.com", "first_name": "\x00"},
        {"email": "z@example.com", "consents": [{"channel": "email", "state": "SUBSCRIBED"}]},
        {"email": "z@example.com", "consents": [{"channel": "fax", "state": "SUBSCRIBED"}]},
    ).json()
    assert [one["index"] for one in answer["items"]] == [1]
    failed = {
        one["index"]: [(bad["name"], bad["code"]) for bad in one["invalid_fields"]] for one in answer["failed_contacts"]
    }
    assert failed == {
        0: [("email", "invalid_format")],
        2: [("phone", "invalid_format")],
        3: [("shoe_size", "must_be_empty")],
        4: [("email", "missing_parameter")],
        5: [("", "type_mismatch")],
        6: [("first_name", "invalid_format")],
        7: [("consents.0.occurred_at", "missing_parameter"), ("consents.0.wording", "missing_parameter")],
        8: [("consents.0.channel", "constraint_violation")],
    }
    answer = api.upsert({"id": gone, "first_name": "B"}, {"id": 10**12}, dedupe_on="id").json()
    assert [one["invalid_fields"][0]["code"] for one in answer["failed_contacts"]] == ["invalid_reference"] * 2


def test_three_thousand_at_once_and_no_more(api, shop):
    contacts = [{"email": f"p{number}@example.com", "phone": f"+4915112{number:06}"} for number in range(3000)]
    answer = api.upsert(*contacts).json()
    assert len(answer["items"]) == 3000 and not answer["failed_contacts"]
    assert Contact.objects.count() == 3000
    response = api.upsert(*contacts, {"email": "one@example.com"})
    assert response.status_code == 422 and response.json()["invalid_fields"][0]["name"] == "contacts"


def test_an_upsert_never_subscribes(api, shop):
    api.upsert({"email": "a@example.com", "phone": "+4915112345678"})
    contact = api.get("/contacts").json()["items"][0]
    assert {one["state"] for one in contact["consents"]} <= {"UNKNOWN", "NOT_SUBSCRIBED"}


def test_consent_with_proof_goes_through_the_ledger(api, shop):
    answer = api.upsert({"email": "a@example.com", "phone": "+4915112345678", "consents": [PROOF]}).json()["items"][0]
    (said,) = answer["consents"]
    assert (said["channel"], said["outcome"], said["state"]) == ("whatsapp", "ACCEPTED", "SUBSCRIBED")
    consent = api.get(f"/contacts/{answer['contact_id']}/consent").json()
    states = {one["channel"]: one for one in consent["consents"]}
    assert (states["whatsapp"]["state"], states["whatsapp"]["source"], states["sms"]["state"]) == (
        "SUBSCRIBED",
        "api",
        "UNKNOWN",
    )
    entry = consent["ledger"][0]
    assert (entry["id"], entry["event"], entry["evidence"][0]["wording"]) == (
        said["ledger_id"],
        "API_WITH_PROOF",
        "Yes, please.",
    )
    assert len(entry["hash"]) == 64
    assert ids(api.get("/contacts", channel="whatsapp", state="SUBSCRIBED")) == [answer["contact_id"]]


def test_the_api_cannot_override_an_opt_out(api, shop):
    out = {"channel": "whatsapp", "state": "UNSUBSCRIBED", "occurred_at": WHEN.isoformat()}
    later = PROOF | {"occurred_at": (WHEN + timedelta(days=5)).isoformat()}
    api.upsert({"phone": "+4915112345678", "consents": [out]}, dedupe_on="sms")
    answer = api.upsert({"phone": "+4915112345678", "consents": [later]}, dedupe_on="sms").json()["items"][0]
    said = answer["consents"][0]
    assert (said["outcome"], said["state"], said["refusal_code"]) == (
        "REFUSED",
        "UNSUBSCRIBED",
        "NEEDS_CUSTOMER_OPT_IN",
    )


def test_several_statements_of_one_contact_are_answered_in_their_order(api, shop):
    statements = [
        {"channel": "whatsapp", "state": "UNSUBSCRIBED", "occurred_at": (WHEN + timedelta(1)).isoformat()},
        PROOF,
        PROOF | {"channel": "email"},
    ]
    contact = {"phone": "+4915112345678", "email": "a@example.com", "consents": statements}
    said = api.upsert(contact).json()["items"][0]["consents"]
    assert [(one["channel"], one["state"]) for one in said] == [
        ("whatsapp", "UNSUBSCRIBED"), ("whatsapp", "SUBSCRIBED"), ("email", "SUBSCRIBED"),
    ]  # fmt: skip
    contact = api.get("/contacts").json()["items"][0]
    assert {one["channel"]: one["state"] for one in contact["consents"]}["whatsapp"] == "UNSUBSCRIBED"


def test_the_ledger_comes_in_pages(api, shop):
    made = api.upsert({"phone": "+4915112345678", "consents": [PROOF]}, dedupe_on="sms").json()["items"][0][
        "contact_id"
    ]
    for _ in range(3):
        api.upsert({"phone": "+4915112345678", "consents": [PROOF]}, dedupe_on="sms")
    seen, cursor = [], ""
    while cursor is not None:
        page = api.get(f"/contacts/{made}/consent", limit=2, cursor=cursor).json()
        seen += [one["id"] for one in page["ledger"]]
        cursor = page["next_cursor"]
    assert seen == sorted(seen, reverse=True) and len(seen) == LedgerEntry.objects.filter(contact_id=made).count()


def test_activity(api, people):
    anna = people[0].contact_id
    apply([from_shopify(9007199254740993, WHEN + timedelta(1), first_name="Anne", email="anna@example.com")])
    everything = api.get(f"/contacts/{anna}/activity").json()
    assert [one["name"] for one in everything["items"]] == ["contact.updated", "contact.created"]
    assert {one["type"] for one in everything["items"]} == {"event"}
    first = api.get(f"/contacts/{anna}/activity", limit=1).json()
    rest = api.get(f"/contacts/{anna}/activity", limit=1, cursor=first["next_cursor"]).json()
    assert first["items"] + rest["items"] == everything["items"] and rest["next_cursor"] is None
    assert api.get(f"/contacts/{anna}/activity", type="message").json()["items"] == []
    assert (
        len(api.get(f"/contacts/{anna}/activity", since=(WHEN + timedelta(hours=1)).isoformat()).json()["items"]) == 1
    )
