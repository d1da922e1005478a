"""The proof of one contact, in every form."""

from __future__ import annotations

import csv
import io
import json
import uuid
from hashlib import sha256

import pytest
from django.utils import timezone
from tests.consent.ledger_people import people
from tests.making import make_contact

from sayso.consent.events import Channel, ConsentEvent
from sayso.consent.ledger import checkpoint, keys, merkle
from sayso.consent.ledger.fields import FIELDS
from sayso.consent.models import LedgerEntry
from sayso.consent.proof import formats, receipts, records, words
from sayso.consent.proof.collect import collect
from sayso.consent.proof.document import _Document
from sayso.consent.record import record
from sayso.consent.transitions import events
from sayso.contacts.models import Contact
from sayso.events.models import Event


@pytest.fixture(autouse=True)
def own_keys(tmp_path, settings):
    settings.DATA_DIR = tmp_path


@pytest.fixture
def contact(shop):
    [id] = people(shop, 1)
    people(shop, 6, first=20)
    checkpoint.checkpoint(shop.pk)
    return id


def made(shop, contact: int, form: str, language: str = "") -> bytes:
    return formats.make(shop, contact, form, language=language, actor_kind="staff", actor_id="7").content


@pytest.mark.parametrize("language", words.LANGUAGES)
def test_html_in_every_language(shop, contact, language):
    text = made(shop, contact, "html", language).decode()
    said = words.words(language)
    assert f'<html lang="{language}">' in text and said["title"] in text and said["wording"] in text
    assert "192.0.2.1" in text and "&quot;bitte&quot;" in text and "hosted_form/whatsapp/en/1" in text
    assert words.named(language, "events", "OPT_OUT") in text
    for entry in LedgerEntry.objects.filter(contact_id=contact):
        assert bytes(entry.hash).hex() in text
    assert "<script" not in text and "http://" not in text


def test_every_language_has_the_same_words():
    tables = words._all()
    for language in words.LANGUAGES:
        for table, said in tables["en"].items():
            if table in ("words", "states", "events", "bases"):
                assert tables[language][table].keys() == said.keys(), (language, table)


def test_every_event_of_the_rules_has_words():
    assert set(words._all()["en"]["events"]) == set(events())


def test_the_reader_chooses_else_the_contact_else_the_shop():
    assert words.choose("", "pt-BR", "de") == "pt" and words.choose("xx", None, "fr_CA") == "fr"
    assert words.choose("nl", None) == "en"


@pytest.mark.parametrize("language", ["en", "de"])
def test_pdf(shop, contact, language):
    content = made(shop, contact, "pdf", language)
    assert content.startswith(b"%PDF-") and content.rstrip().endswith(b"%%EOF") and len(content) > 10_000


def test_pdf_goes_on_over_pages_and_leaves_none_empty(shop):
    [id] = people(shop, 1)
    record(ConsentEvent(id, Channel.EMAIL, "OPT_OUT", None, "unsubscribe_link") for _ in range(40))
    document = _Document(collect(shop, id))
    document.made()
    assert len(document.pages) <= 12  # some 46 mm an entry


def test_pdf_with_writings_of_the_world(shop):
    [id] = people(shop, 1)
    texts = [
        "Да, я согласен",
        "Ναι, συμφωνώ",
        "نعم أوافق",
        "כן אני מסכים",
        "हाँ मैं सहमत हूँ",
        "ใช่ ฉันยอมรับ",
        "はい、同意します 🎉",
    ]
    record(ConsentEvent(id, Channel.EMAIL, "OPT_IN", None, "hosted_form", evidence={"wording": text}) for text in texts)
    proof = collect(shop, id)
    document = _Document(proof)
    assert document.made().startswith(b"%PDF-")
    assert document.lacks  # Japanese and emoji are not in the fonts, and the document says so


def test_jsonl_can_be_followed_to_a_signature(shop, contact):
    head, *lines, seal = [json.loads(line) for line in made(shop, contact, "jsonl").splitlines()]
    assert keys.is_signature(bytes.fromhex(seal["public_key"]), seal["seal"].encode(), bytes.fromhex(seal["signature"]))
    assert head["entries"] == len(lines) == 4 and head["keys"][0]["fingerprint"] == keys.known()[0].fingerprint
    prev = None
    for line in lines:
        assert sha256(line["entry"].encode()).hexdigest() == line["hash"]
        assert json.loads(line["entry"])["prev"] == prev
        prev = line["hash"]
        cover = line["checkpoint"]
        said = json.loads(cover["text"])
        node, index, size = sha256(b"\0" + bytes.fromhex(line["hash"])).digest(), cover["index"], said["count"]
        path = [bytes.fromhex(one) for one in cover["path"]]
        while size > 1:
            if index ^ 1 < size:
                other = path.pop(0)
                node = sha256(b"\1" + (other + node if index & 1 else node + other)).digest()
            index, size = index // 2, (size + 1) // 2
        assert not path and node.hex() == said["root"]
        assert keys.is_signature(
            bytes.fromhex(cover["public_key"]), cover["text"].encode(), bytes.fromhex(cover["signature"])
        )


@pytest.mark.parametrize("size", [1, 2, 3, 7, 8, 13])
def test_paths_lead_to_the_root(size):
    import pymerkle

    leaves = [bytes([n]) * 32 for n in range(size)]
    theirs = pymerkle.InmemoryTree(algorithm="sha256")
    for leaf in leaves:
        theirs.append_entry(leaf)
    for index in range(size):
        proof = theirs.prove_inclusion(index + 1, size).serialize()
        assert [one.hex() for one in merkle.path(leaves, index)] == proof["path"][1:]


def test_csv(shop, contact):
    rows = list(csv.DictReader(io.StringIO(made(shop, contact, "csv").decode("utf-8-sig"))))
    assert len(rows) == 4 and set(rows[0]) == {*(field.name for field in FIELDS), "hash", "evidence_data"}
    assert len(rows[0]["evidence"]) == 64 and json.loads(rows[0]["evidence_data"])
    assert rows[0]["event"] == "OPT_IN" and rows[-1]["event"] == "OPT_OUT"


@pytest.mark.parametrize("cell", ["=1+1", "+44", "-2", "@SUM(A1)", "\tx", "\r=1", '=HYPERLINK("http://x")'])
def test_no_cell_is_a_formula(cell):
    [[read, number]] = csv.reader(io.StringIO(records.row([cell, -5]).decode(), newline=""))
    assert read == f"'{cell}" and number == "-5"


def test_kantara_receipts(shop, contact):
    found = json.loads(made(shop, contact, "kantara"))
    assert len(found) == 3  # three opt-ins; an opt-out is no receipt
    for one in found:
        assert one["version"] == "KI-CR-v1.1.0" and one["jurisdiction"] == shop.country
        assert isinstance(one["consentTimestamp"], int) and uuid.UUID(one["consentReceiptID"])
        assert one.keys() >= {
            "collectionMethod", "publicKey", "language", "piiPrincipalId", "piiControllers", "policyUrl", "services",
            "sensitive",
        }  # fmt: skip
        [purpose] = one["services"][0]["purposes"]
        assert purpose.keys() >= {
            "purpose", "purposeCategory", "consentType", "piiCategory", "primaryPurpose", "termination",
            "thirdPartyDisclosure",
        }  # fmt: skip
    assert found == json.loads(made(shop, contact, "kantara"))


def test_an_opt_in_that_nobody_confirmed_is_no_receipt(shop):
    pending, confirmed, now = make_contact(), make_contact(), timezone.now()
    record(
        ConsentEvent(one, Channel.WHATSAPP, "OPT_IN_UNCONFIRMED", now, "hosted_form") for one in (pending, confirmed)
    )
    record([ConsentEvent(confirmed, Channel.WHATSAPP, "CONFIRM", now, "double_opt_in")])
    assert json.loads(made(shop, pending, "kantara")) == []
    [receipt] = json.loads(made(shop, confirmed, "kantara"))
    assert receipt["collectionMethod"] == "double_opt_in"


def test_dpv_records(shop, contact):
    receipt = json.loads(made(shop, contact, "dpv"))
    assert receipt["dct:conformsTo"]["@id"].endswith("dpv-27560#receipt")
    status = {one["dpv:hasProcess"]["dpv:hasService"].split(": ")[1]: one["dpv:hasConsentStatus"]["@id"]
              for one in receipt["dpv:hasRecordOfActivity"]}  # fmt: skip
    assert status == {
        "WhatsApp": "dpv:ConsentGiven",
        "SMS": "dpv:ConsentGiven",
        "E-mail": "dpv:ConsentWithdrawn",
    }
    text = json.dumps(receipt)
    assert "certified" in text and "not certified" in text


def test_receipts_name_nobody(shop, contact):
    person = Contact.objects.get(pk=contact)
    for form in ("kantara", "dpv"):
        text = made(shop, contact, form).decode()
        assert person.phone not in text and person.email not in text and person.first_name not in text


def test_taking_a_proof_is_an_event(shop, contact):
    made(shop, contact, "csv")
    event = Event.objects.filter(kind="export.created").latest("id")
    assert (event.contact_id, event.actor_kind, event.actor_id) == (contact, "staff", "7")
    assert event.data["format"] == "csv"


def test_an_unknown_contact_has_no_proof(shop):
    assert formats.make(shop, 999_999, "pdf", actor_kind="staff") is None


def test_given_needs_an_accepted_event(shop, contact):
    proof = collect(shop, contact)
    assert [step.entry.event for step in receipts.given(proof)] == ["OPT_IN"] * 3
