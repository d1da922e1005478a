"""The package: everything held, as JSON and CSV."""

from __future__ import annotations

import csv
import io
import json
import zipfile

import pytest
from tests.privacy.test_redact import EMAIL, PHONE, eve, order

from sayso.commerce.apply import apply as apply_orders
from sayso.events.models import Event
from sayso.messaging.models import Message
from sayso.privacy import access, requests, retention
from sayso.privacy.models import PackagePart, PrivacyRequest
from sayso.shops import personal
from sayso.shops.tenancy import enter_shop


def opened(request: PrivacyRequest) -> zipfile.ZipFile:
    archive = zipfile.ZipFile(io.BytesIO(b"".join(access.download(request.shop_id, request.pk))))
    enter_shop(request.shop_id)
    assert archive.testzip() is None
    return archive


def test_everything_held_is_in_it_twice(shop, ask):
    contact = eve("OPT_IN")
    apply_orders([order()])
    Message.objects.create(
        shop_id=shop.pk, contact_id=contact, channel="whatsapp", direction="IN", origin="INBOX", status="RECEIVED",
        body="=cmd()", provider_id="wamid.1",
    )  # fmt: skip
    request = ask(requests.Kind.ACCESS, email=EMAIL)
    assert (request.status, request.contact_ids, request.subject) == ("DONE", [contact], None)
    assert request.package_size and request.package_expires_at
    archive = opened(request)
    names = {holding.name for holding in personal.holdings() if holding.collect}
    assert {name.removesuffix(".json") for name in archive.namelist() if name.endswith(".json")} == names
    read = {name: json.loads(archive.read(f"{name}.json")) for name in names}
    assert {name: len(rows) for name, rows in read.items()} == request.counts
    assert read["profile"][0] | {"first_name": "Eve", "email": EMAIL, "phone": PHONE} == read["profile"][0]
    assert [row["channel"] for row in read["consent"]] == ["email", "sms", "whatsapp"]
    assert "192.0.2.1" in read["consent_ledger"][0]["evidence"]
    assert read["messages"][0]["body"] == "=cmd()"
    assert read["orders"][0]["total"] == "12.50"
    table = list(csv.DictReader(io.StringIO(archive.read("messages.csv").decode("utf-8-sig"))))
    assert table[0]["body"] == "'=cmd()"
    assert next(csv.DictReader(io.StringIO(archive.read("profile.csv").decode("utf-8-sig"))))["phone"] == PHONE
    assert f"request {request.pk}" in archive.read("README.txt").decode()
    event = Event.objects.get(kind="export.created")
    assert (event.actor_kind, event.actor_id, event.contact_id) == ("staff", "1", contact)


def test_a_large_package_is_cut_into_pieces(shop, ask, monkeypatch):
    monkeypatch.setattr(access, "PART", 1000)
    eve("OPT_IN")
    request = ask(requests.Kind.ACCESS, customer_id=900)
    assert PackagePart.objects.filter(request_id=request.pk).count() > 1
    assert opened(request).namelist()


def test_nobody_known_gets_a_package_that_says_so(ask):
    archive = opened(ask(requests.Kind.ACCESS, email="nobody@example.com"))
    assert "Nobody is known" in archive.read("README.txt").decode()


def test_a_package_ends(shop, ask):
    eve()
    request = ask(requests.Kind.ACCESS, customer_id=900)
    PrivacyRequest.objects.filter(pk=request.pk).update(package_expires_at=request.received_at)
    assert retention.apply(shop)["exports"] == 1
    enter_shop(shop.pk)
    request.refresh_from_db()
    assert request.package_size is None and not PackagePart.objects.exists()


def test_a_package_that_was_handed_over_goes_with_the_person(shop, ask):
    eve("OPT_IN")
    kept, handed_over = (ask(requests.Kind.ACCESS, customer_id=900) for _ in range(2))
    access.taken(handed_over, actor_kind="staff", actor_id="1")
    assert ask(customer_id=900).counts["access_packages"] == 1
    assert set(PackagePart.objects.values_list("request_id", flat=True)) == {kept.pk}
    access.taken(kept, actor_kind="staff", actor_id="1")
    assert retention.apply(shop)["exports"] == 1
    enter_shop(shop.pk)
    assert not PackagePart.objects.exists()


@pytest.mark.parametrize("value", ["=1+1", "@sum", "+cmd|x", "-2+3+cmd"])
def test_no_cell_is_a_formula(value):
    assert access._cell(value) == "'" + value


@pytest.mark.parametrize("value", ["+44 7911 123456", "-12.50", "Eve", ""])
def test_numbers_stay(value):
    assert access._cell(value) == value


def test_an_erased_person_has_a_package_without_a_name(ask):
    eve("OPT_IN")
    ask(customer_id=900)
    request = ask(requests.Kind.ACCESS, customer_id=900)
    text = "".join(opened(request).read(name).decode() for name in opened(request).namelist())
    assert EMAIL not in text and "Adams" not in text
