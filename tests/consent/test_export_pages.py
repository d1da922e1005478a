"""Proofs and exports by hand: pages and REST."""

from __future__ import annotations

import json

import pytest
from django.test import Client
from django.urls import reverse
from procrastinate.contrib.django.models import ProcrastinateJob
from tests.api.conftest import Caller
from tests.consent.ledger_people import people

from sayso.consent import exports
from sayso.consent.models import Export
from sayso.events.models import Event
from sayso.shops import tokens
from sayso.shops.models import Membership, User
from sayso.shops.tenancy import enter_shop


@pytest.fixture(autouse=True)
def own_files(tmp_path, settings):
    settings.DATA_DIR = tmp_path


@pytest.fixture
def viewer(shop):
    user = User.objects.create_user("viewer@example.com", "a long password")
    Membership.objects.create(user=user, shop=shop, role="viewer")
    client = Client()
    client.force_login(user, backend="allauth.account.auth_backends.AuthenticationBackend")
    return client


def body(answer) -> bytes:
    return b"".join(answer.streaming_content) if answer.streaming else answer.content


@pytest.mark.parametrize("form", ["pdf", "html", "jsonl", "csv", "kantara", "dpv"])
def test_a_proof_is_downloaded_and_noted(owner_client, shop, form):
    [contact] = people(shop, 1)
    answer = owner_client.post(reverse("consent_proof", args=[contact]), {"format": form, "language": "de"})
    assert answer.status_code == 200 and "attachment" in answer["Content-Disposition"] and answer.content
    assert Event.objects.get(kind="export.created").data["format"] == form
    page = owner_client.get(reverse("profile", args=[contact]), {"tab": "activity"}).content.decode()
    assert "Exported" in page


def test_who_may_not_export_gets_none(viewer, shop):
    [contact] = people(shop, 1)
    assert viewer.post(reverse("consent_proof", args=[contact]), {"format": "pdf"}).status_code == 403
    assert viewer.get(reverse("consent_exports")).status_code == 403
    assert viewer.get(reverse("consent_then")).status_code == 403
    assert "Download proof" not in viewer.get(reverse("profile", args=[contact])).content.decode()


def test_no_proof_of_nobody_nor_in_a_form_there_is_not(owner_client, shop):
    assert owner_client.post(reverse("consent_proof", args=[999_999]), {"format": "pdf"}).status_code == 404
    [contact] = people(shop, 1)
    assert owner_client.post(reverse("consent_proof", args=[contact]), {"format": "exe"}).status_code == 302


def test_an_export_from_the_page_to_the_file(owner_client, shop):
    people(shop, 2)
    url = reverse("consent_exports")
    assert "No exports yet" in owner_client.get(url).content.decode()
    assert owner_client.post(url, {"kind": "ledger_csv", "channel": "email"}).status_code == 302
    [export] = Export.objects.all()
    assert ProcrastinateJob.objects.filter(task_name=exports.JOB, args__export_id=export.pk).exists()
    assert Event.objects.get(kind="export.created").actor_kind == "staff"
    waiting = owner_client.get(url).content.decode()
    assert "Waiting" in waiting and 'hx-trigger="every 2s"' in waiting
    assert owner_client.get(reverse("consent_export_file", args=[export.pk])).status_code == 302
    exports.run(shop.pk, export.pk)
    page = owner_client.get(url).content.decode()
    assert "Ready" in page and "4 of 4 entries" in page and "hx-trigger" not in page
    answer = owner_client.get(reverse("consent_export_file", args=[export.pk]))
    rows = body(answer).decode("utf-8-sig").splitlines()
    assert len(rows) == 5 and "attachment" in answer["Content-Disposition"]
    enter_shop(shop.pk)
    assert Event.objects.get(kind="export.downloaded").data == {"kind": "ledger_csv", "export": export.pk}


def test_an_impossible_period_is_said(owner_client, shop):
    answer = owner_client.post(
        reverse("consent_exports"), {"kind": "ledger_csv", "since": "2026-02-02", "until": "2026-01-01"}
    )
    assert answer.status_code == 422 and "before the day it begins" in answer.content.decode()


def test_exports_over_the_api(shop):
    [contact, *_] = people(shop, 2)
    api = Caller(tokens.create("tests", "owner")[1])
    asked = api.post("/consent/exports", {"kind": "ledger_jsonl", "contact_id": contact})
    assert asked.status_code == 202 and asked.json()["state"] == "QUEUED"
    id = asked.json()["id"]
    assert api.get(f"/consent/exports/{id}/file").status_code == 409
    exports.run(shop.pk, id)
    told = api.get(f"/consent/exports/{id}").json()
    assert told["state"] == "DONE" and told["done"] == told["total"] == 4
    lines = body(api.get(f"/consent/exports/{id}/file")).splitlines()
    assert {json.loads(line)["entry"]["contact"] for line in lines} == {contact}
    assert api.post("/consent/exports", {"kind": "messageable_csv"}).status_code == 422
    assert api.get("/consent/exports/999999").status_code == 404
    assert api.get(f"/contacts/{contact}/consent/proof", format="dpv").json()["@type"] == "dpv:ConsentReceipt"


def test_another_shop_sees_nothing(shop, make_shop):
    people(shop, 1)
    export = exports.request("ledger_csv", {}, actor_kind="staff")
    enter_shop(make_shop().pk)
    api = Caller(tokens.create("tests", "owner")[1])
    assert api.get(f"/consent/exports/{export.pk}").status_code == 404
    assert api.get("/consent/ledger").json()["items"] == []
