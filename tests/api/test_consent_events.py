"""Statements of consent, many at once: accepted, refused with the reason, or invalid, each for itself."""

from __future__ import annotations

import pytest
from tests.making import make_contact

from sayso.consent.models import ConsentState, Evidence, LedgerEntry, Suppression
from sayso.contacts.models import Contact

T0 = "2026-11-01T12:00:00Z"
PROOF = {"occurred_at": T0, "wording": "Yes, send me offers by WhatsApp", "reference": "desk 7"}


def said(state: str = "SUBSCRIBED", channel: str = "whatsapp", **who) -> dict:
    return {"channel": channel, "state": state} | (PROOF if state == "SUBSCRIBED" else {}) | who


def record(api, *events) -> list[dict]:
    answer = api.post("/consent/events", {"events": list(events)})
    assert answer.status_code == 200, answer.content
    return answer.json()["results"]


def test_each_statement_is_judged_for_itself(api):
    fresh, gone = make_contact(), make_contact("OPT_OUT")
    number = Contact.objects.get(pk=fresh).phone
    results = record(
        api,
        said(contact_id=fresh),
        said(contact_id=gone),
        said(contact_id=999_999),
        said("UNSUBSCRIBED", channel="sms", phone=f" {number[:4]} {number[4:]}"),
        {"channel": "fax", "state": "SUBSCRIBED", "contact_id": fresh},
        {"channel": "sms", "state": "SUBSCRIBED", "contact_id": fresh},
        said("UNSUBSCRIBED", email="a@b.c", phone=number),
        said("UNSUBSCRIBED", phone="12"),
    )
    assert [result["position"] for result in results] == list(range(8))
    assert [(r["outcome"], r["refusal_code"]) for r in results[:2]] == [
        ("ACCEPTED", None),
        ("REFUSED", "NEEDS_CUSTOMER_OPT_IN"),
    ]
    assert results[2]["invalid_fields"][0]["code"] == "invalid_reference"
    assert (results[3]["outcome"], results[3]["state"], results[3]["contact_id"]) == ("ACCEPTED", "UNSUBSCRIBED", fresh)
    assert [result["outcome"] for result in results[4:]] == ["INVALID"] * 4
    assert [field["name"] for field in results[5]["invalid_fields"]] == ["occurred_at", "wording"]
    assert "exactly one" in results[6]["invalid_fields"][0]["reason"]
    # What was invalid left no trace, what was refused did.
    assert LedgerEntry.objects.filter(refusal_code="NEEDS_CUSTOMER_OPT_IN").count() == 1
    assert "desk 7" in Evidence.objects.get(ledger_id=results[0]["ledger_id"]).data
    assert ConsentState.objects.get(contact_id=fresh).whatsapp_state == "UNSUBSCRIBED"


def test_an_address_of_several_contacts(api):
    one, two = make_contact(phone="+447911999001"), make_contact(phone="+447911999001")
    [refused] = record(api, said(phone="+447911999001"))
    assert "2 contacts" in refused["invalid_fields"][0]["reason"]
    [taken] = record(api, said("UNSUBSCRIBED", phone="+447911999001"))
    assert (taken["outcome"], taken["contact_id"]) == ("ACCEPTED", one)
    assert ConsentState.objects.get(contact_id=two).whatsapp_state == "UNSUBSCRIBED"


@pytest.mark.parametrize("body", [{}, {"events": []}, {"events": [{}] * 1001}, {"events": "all"}])
def test_a_batch_that_is_none(api, body):
    assert api.post("/consent/events", body).status_code == 422


def test_a_viewer_records_nothing(make_caller, shop):
    assert make_caller(shop, "viewer").post("/consent/events", {"events": [said(contact_id=1)]}).status_code == 403


def test_addresses_are_unsubscribed_whether_known_or_not(api):
    contact = make_contact()
    email = Contact.objects.get(pk=contact).email
    answer = api.post("/emails/unsubscribed/add", {"emails": [email.upper(), "nobody@example.com"]})
    assert answer.json() == {"contacts": 1, "unknown": ["nobody@example.com"]}
    assert ConsentState.objects.get(contact_id=contact).email_state == "UNSUBSCRIBED"
    assert Suppression.objects.filter(kind="OPT_OUT").count() == 2


def test_an_opt_out_of_an_address_that_nobody_holds_waits_for_whoever_comes_with_it(api):
    results = record(
        api,
        said("UNSUBSCRIBED", phone="+447911999009", occurred_at="2026-05-01T12:00:00Z"),
        said("UNSUBSCRIBED", channel="email", email="Nobody@Example.com"),
        said("UNSUBSCRIBED", channel="email", phone="+447911999010"),
        said(phone="+447911999011"),
    )
    assert [(r["outcome"], r["state"], r["contact_id"]) for r in results[:2]] == [
        ("ACCEPTED", "UNSUBSCRIBED", None)
    ] * 2
    # A phone number says nothing of e-mail, and nobody is there to opt in.
    assert [r["outcome"] for r in results[2:]] == ["INVALID"] * 2
    kept = Suppression.objects.order_by("opted_out_at")
    assert [(one.kind, one.source) for one in kept] == [("OPT_OUT", "api")] * 2
    assert kept[0].opted_out_at.isoformat() == "2026-05-01T12:00:00+00:00"
    late = make_contact(phone="+447911999009")
    [refused] = record(api, said(contact_id=late))
    assert (refused["outcome"], refused["refusal_code"]) == ("REFUSED", "NEEDS_CUSTOMER_OPT_IN")


@pytest.mark.parametrize("what", [{"wording": "\ud800"}, {"reference": "a\udfffb"}])
def test_half_a_character_is_invalid_and_holds_up_nobody(api, what):
    one = make_contact()
    results = record(api, said(contact_id=one) | what, said("UNSUBSCRIBED", contact_id=one))
    assert [result["outcome"] for result in results] == ["INVALID", "ACCEPTED"]


def test_blanks_prove_nothing(api):
    one = make_contact()
    [result] = record(
        api, {"channel": "whatsapp", "state": "SUBSCRIBED", "contact_id": one, "occurred_at": T0, "wording": "  "}
    )
    assert (result["outcome"], result["invalid_fields"][0]["name"]) == ("INVALID", "wording")


def test_the_future_is_not_known(api):
    contact = make_contact("OPT_IN")
    assert api.get(f"/contacts/{contact}/consent?at=2026-11-01T12:00:00Z").status_code == 200
    answer = api.get(f"/contacts/{contact}/consent?at=2099-11-01T12:00:00Z")
    assert answer.status_code == 422
    assert "future" in answer.content.decode()
