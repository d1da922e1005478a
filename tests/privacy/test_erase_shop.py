"""A shop is erased: from every table, in batches, with a signed certificate; and by nothing but a request."""

from __future__ import annotations

import json

import psycopg
import pytest
from django.db import DatabaseError, connection, transaction
from django.test import Client
from django.utils import timezone
from tests.making import make_template
from tests.privacy.test_redact import eve, order

from sayso.commerce.apply import apply as apply_orders
from sayso.config.database import tenant_models
from sayso.consent.ledger import checkpoint, keys
from sayso.consent.models import LedgerEntry
from sayso.intake.models import Delivery
from sayso.messaging.models import Sender
from sayso.messaging.send import queue
from sayso.privacy import erase, requests, work
from sayso.privacy.models import ErasureCertificate, PackagePart, PrivacyRequest
from sayso.shops.models import Membership, Shop, User
from sayso.shops.tenancy import enter_shop, shop_context


def fill(shop: Shop) -> None:
    """Something in as many tables as a shop has."""
    with shop_context(shop.pk):
        contact = eve("OPT_IN")
        apply_orders([order()])
        sender = Sender.objects.create(
            shop_id=shop.pk, channel="whatsapp", phone_number_id="1", token="t", base_url="http://x"
        )
        queue([contact], template=make_template(shop), sender_id=sender.pk, origin="CAMPAIGN", origin_id=1)
        Delivery.objects.create(provider="shopify", key=f"of {shop.pk}", shop_id=shop.pk, topic="x", body=b"{}")
        request = PrivacyRequest.objects.create(
            shop_id=shop.pk, kind="ACCESS", origin="staff", status="DONE", due_at=timezone.now()
        )
        PackagePart.objects.create(shop_id=shop.pk, request_id=request.pk, number=0, data=b"PK")
        user = User.objects.create_user(f"owner@{shop.domain}", "a long password")
        Membership.objects.create(user=user, shop=shop, role="owner")


def rows_of(shop_id: int, owner: psycopg.Connection) -> dict[str, int]:
    """What the database holds of a shop, in whatever table, behind all policies."""
    tables = owner.execute(
        "select table_name from information_schema.columns where column_name = 'shop_id' and table_schema = 'public'"
    ).fetchall()
    counts = {
        table: owner.execute(f"select count(*) from {table} where shop_id = %s", [shop_id]).fetchone()[0]
        for (table,) in tables
    }
    assert counts.keys() >= {model._meta.db_table for model in tenant_models()}
    return {table: count for table, count in counts.items() if count}


@pytest.fixture
def shops(committed) -> tuple[Shop, Shop]:
    one, other = (
        Shop.objects.create(domain=f"{name}.myshopify.com", name=name, address_secret="s" * 64)
        for name in ("one", "other")
    )
    for shop in (one, other):
        fill(shop)
    Shop.objects.filter(pk=one.pk).update(status="UNINSTALLED")
    one.refresh_from_db()
    return one, other


def ask(shop: Shop) -> PrivacyRequest:
    with shop_context(shop.pk):
        return requests.erase_shop_on(shop, timezone.now(), origin=requests.Origin.SHOPIFY, reference="delivery:1")


def test_nothing_is_left_but_the_certificate(shops, as_owner, signing_key, monkeypatch):
    one, other = shops
    monkeypatch.setattr(erase, "BATCH", 2)  # many batches
    before, others = rows_of(one.pk, as_owner), rows_of(other.pk, as_owner)
    assert before.keys() >= {"contact", "identity", "consent_ledger", "consent_evidence", "consent_state", "orders", "message",
                             "event", "delivery", "membership", "template", "privacy_package_part"}  # fmt: skip
    ask(one)
    assert work.all_due() == 1
    assert rows_of(one.pk, as_owner) == {}
    assert rows_of(other.pk, as_owner) == others
    assert not Shop.objects.filter(pk=one.pk).exists()
    [certificate] = ErasureCertificate.objects.all()
    signing_key.public_key().verify(bytes(certificate.signature), certificate.document.encode())
    told = json.loads(certificate.document)
    assert (told["shop"], told["certificate"], certificate.former_shop) == (one.domain, certificate.token, one.pk)
    assert bytes.fromhex(told["public_key"]) == signing_key.public_key().public_bytes_raw()
    assert told["rows_erased"]["consent_ledger"] == before["consent_ledger"]
    assert {k: v for k, v in told["rows_erased"].items() if k in ("contact", "message", "delivery", "membership")} == {
        k: before[k] for k in ("contact", "message", "delivery", "membership")
    }
    shown = Client().get(f"/erasure-certificates/{certificate.token}")
    assert shown.status_code == 200 and one.domain in shown.content.decode()
    file = Client().get(f"/erasure-certificates/{certificate.token}?format=json").json()
    signing_key.public_key().verify(bytes.fromhex(file["signature"]), file["document"].encode())
    assert "adams" not in certificate.document.lower()


def test_a_crash_in_between_loses_neither_rows_nor_counts(shops, as_owner, signing_key, monkeypatch):
    one, _ = shops
    monkeypatch.setattr(erase, "BATCH", 3)
    before = rows_of(one.pk, as_owner)
    request = ask(one)
    batches = iter([False, False, False, True])
    assert work.carry_out(one.pk, request.pk, should_stop=lambda: next(batches))
    half = rows_of(one.pk, as_owner)
    assert 0 < sum(half.values()) < sum(before.values())
    assert work.all_due() == 1
    told = json.loads(ErasureCertificate.objects.get().document)["rows_erased"]
    assert told["consent_ledger"] == before["consent_ledger"] and told["event"] >= before["event"]


def test_the_last_checkpoint_and_the_files(shops, as_owner, settings, tmp_path):
    """With the installation's own key, and what lies outside the database."""
    settings.DATA_DIR = tmp_path
    one, other = shops
    made = checkpoint.checkpoint(one.pk)
    for shop in shops:
        (tmp_path / "exports" / str(shop.pk) / "1").mkdir(parents=True)
    ask(one)
    assert work.all_due() == 1
    told = json.loads(ErasureCertificate.objects.get().document)
    assert told["last_checkpoint"]["number"] == 1 and told["rows_erased"]["consent_checkpoint"] == 1 and made
    assert [path.name for path in (tmp_path / "exports").iterdir()] == [str(other.pk)]
    [key] = keys.known()
    certificate = ErasureCertificate.objects.get()
    assert key.id == certificate.key_id == told["key"]
    assert key.signed(certificate.document.encode(), bytes(certificate.signature))


def test_a_table_that_nobody_thought_of_is_emptied_too(shops, as_owner, signing_key):
    one, other = shops
    as_owner.execute("create table forgotten (shop_id bigint, id bigint, note text, primary key (shop_id, id))")
    as_owner.execute("insert into forgotten values (%s, 1, 'x'), (%s, 1, 'y')", [one.pk, other.pk])
    ask(one)
    assert work.all_due() == 1
    assert as_owner.execute("select shop_id from forgotten").fetchall() == [(other.pk,)]


def test_what_a_straggler_wrote_is_swept(shops, as_owner, signing_key):
    one, other = shops
    ask(one)
    work.all_due()
    as_owner.execute(
        "insert into event (shop_id, kind, occurred_at) values (%s, 'x', now()), (%s, 'x', now())", [one.pk, other.pk]
    )
    with connection.cursor() as cursor:
        cursor.execute("select privacy_sweep_erased()")
        assert cursor.fetchone() == (1,)
    assert rows_of(one.pk, as_owner) == {}
    assert rows_of(other.pk, as_owner)["event"] > 0


@pytest.mark.parametrize("call", ["erase_shop_rows(%s, 10)", "erase_shop(%s, 'a', '{}', 'k', 'x')"])
@pytest.mark.parametrize("state", ["no request", "another kind", "not claimed", "held", "installed"])
def test_the_database_erases_no_shop_without_an_open_request(shop, call, state):
    with shop_context(shop.pk):
        eve("OPT_IN")
        if state != "installed":
            Shop.objects.filter(pk=shop.pk).update(status="UNINSTALLED")
        request = PrivacyRequest.objects.create(
            shop_id=shop.pk, kind="REDACT" if state == "another kind" else "SHOP_REDACT", origin="staff",
            due_at=timezone.now(), status="RECEIVED" if state == "not claimed" else "IN_PROGRESS", held=state == "held",
        )  # fmt: skip
        with pytest.raises(DatabaseError), transaction.atomic(), connection.cursor() as cursor:
            cursor.execute(f"select {call}", [0 if state == "no request" else request.pk])
        assert LedgerEntry.objects.exists()


def test_the_ledger_goes_in_no_other_way(shops, as_owner):
    one, other = shops
    request = ask(one)
    for statement in (
        "delete from consent_ledger",
        f"set sayso.erasing = '{other.pk}'; delete from consent_ledger where shop_id = {other.pk}",
        # Nor the entries of others under the request of one.
        f"update privacy_request set status = 'IN_PROGRESS' where id = {request.pk}; set sayso.erasing = '{one.pk}';"
        f" delete from consent_ledger where shop_id = {other.pk}",
        f"set sayso.erasing = '{one.pk}'; update consent_ledger set entry = ''",
        f"set sayso.erasing = '{one.pk}'; truncate consent_ledger",
    ):
        with pytest.raises(psycopg.errors.RestrictViolation, match="append-only"), as_owner.transaction():
            as_owner.execute(statement)
    with shop_context(one.pk), pytest.raises(DatabaseError), transaction.atomic(), connection.cursor() as cursor:
        cursor.execute("select set_config('sayso.erasing', %s, true)", [str(one.pk)])
        cursor.execute("delete from consent_ledger")
    enter = rows_of(one.pk, as_owner)
    assert enter["consent_ledger"] and rows_of(other.pk, as_owner)["consent_ledger"]


def test_the_certificates_cannot_be_forged(shop):
    enter_shop(shop.pk)
    for statement in ("insert into erasure_certificate (token, former_shop, domain, erased_at, document, key_id, signature)"
                      " values ('t', 1, 'd', now(), '{}', 'k', 'x')", "delete from erasure_certificate"):  # fmt: skip
        with pytest.raises(DatabaseError), transaction.atomic(), connection.cursor() as cursor:
            cursor.execute(statement)
