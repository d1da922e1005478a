"""Audience → Consent → Suppressed addresses."""

from __future__ import annotations

import csv
import io
from collections.abc import Callable

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.test import Client

from sayso.consent import queries
from sayso.consent.models import Suppression
from sayso.events.models import Event
from sayso.ui import suppression_forms

from .conftest import say

PAGE = "/audience/consent/suppressed"
IMPORT = f"{PAGE}/import"


def post(client: Client, part: str, **fields: object) -> str:
    return client.post(f"{PAGE}/{part}", fields, follow=True).content.decode()


def a_list(*lines: str, name: str = "list.csv", encoding: str = "utf-8") -> SimpleUploadedFile:
    return SimpleUploadedFile(name, "\n".join(lines).encode(encoding), "text/csv")


def test_counts_by_kind(owner_client: Client, make_contact: Callable) -> None:
    assert b"No address is suppressed" in owner_client.get(PAGE).content
    say(make_contact(), "OPT_OUT")
    page = owner_client.get(PAGE).content.decode()
    assert "Opted out" in page and '<td class="num">1</td>' in page


def test_the_profile_says_what_stands_against_an_address(owner_client: Client, make_contact: Callable) -> None:
    contact = make_contact(phone="+4915112999999")
    page = owner_client.get(f"/audience/contacts/{contact}").content.decode()
    assert page.count("Nothing stands against it.") == 2 and "struck" not in page
    post(owner_client, "block", address="+4915112999999", reason="asked by phone")
    page = owner_client.get(f"/audience/contacts/{contact}").content.decode()
    assert '<span class="struck">+4915112999999</span>' in page and "asked by phone" in page


def test_looking_one_up(owner_client: Client, make_contact: Callable) -> None:
    say(make_contact(phone="+4915112999999"), "OPT_OUT")
    page = post(owner_client, "look-up", address="+49 151 12 99 99 99")
    assert "Suppressed</span>" in page and "Opted out" in page
    page = post(owner_client, "look-up", address="nobody@example.com")
    assert "Not suppressed" in page and "Nothing stands against it" in page


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("", "This field is required"),
        ("hello", "That is neither a phone number nor an e-mail address."),
        ("a@b", "That is not an e-mail address."),
        ("x" * 400, "at most 320"),
    ],
)
def test_a_text_that_is_no_address(owner_client: Client, text: str, said: str) -> None:
    answer = owner_client.post(f"{PAGE}/look-up", {"address": text})
    assert answer.status_code == 422 and said in answer.content.decode()


def test_blocking_and_ending_it(owner_client: Client, make_contact: Callable) -> None:
    contact = make_contact(phone="+4915112999999")
    answer = owner_client.post(f"{PAGE}/block", {"address": "+4915112999999", "reason": ""})
    assert answer.status_code == 422 and b"Say why" in answer.content
    page = post(owner_client, "block", address="+4915112999999", reason="asked by phone")
    assert "Blocked by the shop" in page and "asked by phone" in page and "End the block" in page
    assert {one.state for one in queries.of_contact(contact)} == {"UNKNOWN"}  # no word on consent
    page = post(owner_client, "release", address="+4915112999999", reason="it was another number")
    assert "The block is ended" in page and "Not suppressed" in page
    assert Suppression.objects.get().ended_at
    assert "There was no block to end" in post(owner_client, "release", address="+4915112999999", reason="again")


def test_a_list_is_shown_before_anything_is_done(owner_client: Client, make_contact: Callable) -> None:
    contact = make_contact(phone="+4915112999999")
    file = a_list(
        "phone;note", "+49 151 12999999;from 2024", "", "ada@example.com", "nobody", "12", encoding="utf-8-sig"
    )
    page = owner_client.post(IMPORT, {"file": file, "kind": "OPT_OUT", "reason": "the old provider"}).content.decode()
    assert "Suppress 2 addresses" in page and "the old provider" in page
    assert '<td class="num">5</td><td class="clip mono">nobody</td>' in page
    assert not Suppression.objects.exists()

    lines = page.split('aria-hidden="true" tabindex="-1">')[1].split("</textarea>")[0]
    page = post(owner_client, "import", text=lines, kind="OPT_OUT", reason="the old provider", action="apply")
    assert "2 addresses suppressed" in page and "1 contact of this shop" in page
    assert Suppression.objects.count() == 2
    states = {one.channel: one.state for one in queries.of_contact(contact)}
    assert states["whatsapp"] == states["sms"] == "UNSUBSCRIBED"


def test_typed_addresses_and_a_second_time(owner_client: Client) -> None:
    fields = {"text": "ada@example.com\r\nbob@example.com", "kind": "LOCAL", "reason": "test people", "action": "apply"}
    assert "2 addresses suppressed" in post(owner_client, "import", **fields)
    assert "2 of them before already" in post(owner_client, "import", **fields)
    assert set(Suppression.objects.values_list("kind", "reason")) == {("LOCAL", "test people")}


@pytest.mark.parametrize(
    ("fields", "said"),
    [
        ({}, "Choose a file, or type at least one address."),
        ({"text": "   \n "}, "Choose a file, or type at least one address."),
        ({"text": "a@example.com", "reason": ""}, "This field is required"),
        ({"text": "a@example.com", "kind": "REDACTED"}, "Select a valid choice"),
        ({"file": SimpleUploadedFile("x.xlsx", b"PK\x03\x04\x00\x00\x00")}, "This is not a text file"),
        ({"file": SimpleUploadedFile("x.csv", b"")}, "The submitted file is empty"),
    ],
)
def test_a_list_that_cannot_be_read(owner_client: Client, fields: dict, said: str) -> None:
    answer = owner_client.post(IMPORT, {"kind": "OPT_OUT", "reason": "why"} | fields)
    assert answer.status_code == 422 and said in answer.content.decode()
    assert not Suppression.objects.exists()


def test_a_file_that_is_too_large(owner_client: Client, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(suppression_forms, "LARGEST", 10)
    answer = owner_client.post(IMPORT, {"file": a_list("a@example.com"), "kind": "OPT_OUT", "reason": "why"})
    assert answer.status_code == 422 and b"larger than 5 MB" in answer.content


@pytest.mark.parametrize("encoding", ["utf-8-sig", "utf-16", "cp1252"])
def test_encodings(owner_client: Client, encoding: str) -> None:
    file = a_list("Müller,", "ada@example.com,Müller", encoding=encoding)
    page = owner_client.post(IMPORT, {"file": file, "kind": "LOCAL", "reason": "why"}).content.decode()
    assert "Suppress 1 address<" in page


def test_nothing_recognised_offers_no_button(owner_client: Client) -> None:
    page = post(owner_client, "import", text="1 hello", kind="LOCAL", reason="why", action="apply")
    assert "nothing to suppress" in page and 'value="apply"' not in page


def test_the_export_holds_hashes_and_is_logged(owner_client: Client, make_contact: Callable) -> None:
    say(make_contact(phone="+4915112999999"), "OPT_OUT")
    answer = owner_client.get(f"{PAGE}.csv")
    assert answer["Content-Type"] == "text/csv; charset=utf-8" and "attachment" in answer["Content-Disposition"]
    [heading, row] = csv.reader(io.StringIO(b"".join(answer.streaming_content).decode()))
    assert heading == ["address_hash", "kind", "since", "ended", "source"]
    assert row[0] == bytes(Suppression.objects.get().address_key).hex() and row[1] == "OPT_OUT"
    assert Event.objects.filter(kind="export.created", actor_kind="staff").count() == 1


def test_a_viewer_looks_up_and_no_more(viewer_client: Client) -> None:
    page = viewer_client.post(f"{PAGE}/look-up", {"address": "ada@example.com"}).content.decode()
    assert "Not suppressed" in page and "Block address" not in page and "Load a list" not in page
    for part in ("block", "release", "import"):
        assert viewer_client.post(f"{PAGE}/{part}", {"address": "ada@example.com", "reason": "x"}).status_code == 403
    assert viewer_client.get(IMPORT).status_code == 403
    assert viewer_client.get(f"{PAGE}.csv").status_code == 403


@pytest.mark.parametrize("part", ["look-up", "block", "release"])
def test_coming_back_to_an_answer_leads_to_the_page(owner_client: Client, part: str) -> None:
    assert owner_client.get(f"{PAGE}/{part}").headers["Location"] == PAGE


def test_another_shop_knows_nothing_of_it(owner_client: Client, make_shop: Callable) -> None:
    from .conftest import sign_in

    post(owner_client, "block", address="ada@example.com", reason="x")
    assert "Not suppressed" in post(sign_in(make_shop(), "owner"), "look-up", address="ada@example.com")
