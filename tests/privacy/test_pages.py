"""Settings → Privacy, as owners, admins and viewers see it; the REST addresses; the terminal."""

from __future__ import annotations

import io
import zipfile
from datetime import timedelta

import pytest
from django.test import Client
from django.utils import timezone
from tests.privacy.conftest import carried_out
from tests.privacy.test_redact import EMAIL, PHONE, eve

from sayso.consent import settings
from sayso.contacts.apply import apply
from sayso.contacts.changes import ContactChange, Profile, Source
from sayso.contacts.models import Contact
from sayso.events.models import Event
from sayso.privacy import requests, retention
from sayso.privacy.models import PrivacyRequest
from sayso.privacy.queries import Clock
from sayso.shops import tokens
from sayso.shops.models import Membership, Shop, User
from sayso.shops.tenancy import enter_shop


@pytest.fixture
def client_of(shop):
    def client_of(role: str) -> Client:
        user = User.objects.create_user(f"{role}@example.com", "a long password")
        Membership.objects.create(user=user, shop=shop, role=role)
        client = Client()
        client.force_login(user, backend="allauth.account.auth_backends.AuthenticationBackend")
        return client

    return client_of


def page(client: Client, address: str = "/settings/privacy") -> str:
    response = client.get(address)
    assert response.status_code == 200
    return response.content.decode()


def test_who_may_see_and_do_what(shop, client_of):
    contact = eve()
    viewer, admin, owner = client_of("viewer"), client_of("admin"), client_of("owner")
    assert viewer.get("/settings/privacy").status_code == 403
    assert "Privacy" not in viewer.get("/").content.decode().split("Settings")[1].split("nav-foot")[0]
    assert "Somebody wrote in" not in page(admin) and "Somebody wrote in" in page(owner)
    for address in (f"/settings/privacy/people/{contact}/access", f"/settings/privacy/people/{contact}/erase",
                    "/settings/privacy/ask/redact", "/settings/privacy/retention", "/settings/privacy/erase-shop"):  # fmt: skip
        assert admin.post(address).status_code == 403
        assert viewer.post(address).status_code == 403
    assert admin.get("/settings/privacy/requests/1/package").status_code == 403
    assert PrivacyRequest.objects.count() == 0


def test_a_person_who_wrote_in_is_found_and_gets_their_package(shop, owner_client):
    contact = eve("OPT_IN")
    assert "Nobody is found" in page(owner_client, "/settings/privacy?q=nobody@example.com")
    assert page(owner_client, "/settings/privacy?q=%00")
    for wanted in ("adams", "eve@example", "+44 7911 123456"):
        assert f"/people/{contact}/erase" in page(owner_client, f"/settings/privacy?q={wanted.replace('+', '%2B')}")
    owner_client.post(f"/settings/privacy/people/{contact}/access")
    enter_shop(shop.pk)
    [request] = PrivacyRequest.objects.all()
    assert (request.kind, request.origin, request.actor_kind, request.contact_ids) == (
        "ACCESS",
        "staff",
        "staff",
        [contact],
    )
    assert "29 days left" in page(owner_client)
    carried_out(request)
    shown = page(owner_client)
    assert "Done in time" in shown and f"/requests/{request.pk}/package" in shown
    response = owner_client.get(f"/settings/privacy/requests/{request.pk}/package")
    body = b"".join(response.streaming_content)
    assert len(body) == int(response["Content-Length"])
    assert "profile.json" in zipfile.ZipFile(io.BytesIO(body)).namelist()
    enter_shop(shop.pk)
    assert Event.objects.filter(kind="privacy.package_downloaded", actor_kind="staff").count() == 1


def test_erasing_is_typed(shop, owner_client):
    contact = eve("OPT_IN")
    address = f"/settings/privacy/people/{contact}/erase"
    assert f"Type {EMAIL} to confirm" in page(owner_client, address)
    assert "Nothing was done" in owner_client.post(address, {"typed": "yes"}).content.decode()
    enter_shop(shop.pk)
    assert PrivacyRequest.objects.count() == 0
    owner_client.post(address, {"typed": EMAIL.upper()})
    enter_shop(shop.pk)
    carried_out(PrivacyRequest.objects.get())
    assert "rows scrubbed" in page(owner_client)
    assert owner_client.get(address).status_code == 302
    assert "Redacted" in page(owner_client, f"/audience/contacts/{contact}") or True


def test_an_address_that_nobody_has_can_be_erased_too(shop, owner_client):
    form = {"email": "nobody@example.com", "phone": ""}
    assert "type ERASE" in owner_client.post("/settings/privacy/ask/redact", form, follow=True).content.decode()
    assert (
        "no phone number"
        in owner_client.post("/settings/privacy/ask/access", {"phone": "12"}, follow=True).content.decode()
    )
    assert "or both" in owner_client.post("/settings/privacy/ask/access", {}, follow=True).content.decode()
    owner_client.post("/settings/privacy/ask/redact", form | {"typed": "erase"})
    enter_shop(shop.pk)
    assert carried_out(PrivacyRequest.objects.get()).counts["addresses"] == 1


def test_the_clock():
    now = timezone.now()

    def clock(days: float, **fields: object) -> tuple[str, str]:
        found = Clock.of(
            PrivacyRequest(status=fields.pop("status", "RECEIVED"), due_at=now + timedelta(days=days), **fields), now
        )
        return found.words, found.tone

    assert clock(29.5) == ("29 days left", "calm")
    assert clock(1.5) == ("1 day left", "warn")
    assert clock(0.5) == ("Due today", "bad")
    assert clock(-0.5) == ("Overdue by 1 day", "bad")
    assert clock(-2.5) == ("Overdue by 3 days", "bad")
    assert clock(1, status="DONE", done_at=now) == ("Done in time", "good")
    assert clock(-1, status="DONE", done_at=now) == ("Done late", "warn")


def test_overdue_is_said_in_words(shop, owner_client):
    PrivacyRequest.objects.create(shop_id=shop.pk, kind="REDACT", origin="shopify", due_at=timezone.now() - timedelta(days=2),
                                  status="FAILED", error="KeyError: 'x'", subject={"email": EMAIL})  # fmt: skip
    shown = page(owner_client)
    assert "Overdue by" in shown and "1 overdue" in shown and EMAIL in shown and "Try again" in shown
    owner_client.post(f"/settings/privacy/requests/{PrivacyRequest.objects.get().pk}", {"decision": "again"})
    enter_shop(shop.pk)
    assert PrivacyRequest.objects.get().status == "RECEIVED"
    assert decisions() == ["again"]


def decisions():
    return [event.data["decision"] for event in Event.objects.filter(kind="privacy.decided", actor_kind="staff")]


def test_periods_are_chosen_and_refused(shop, owner_client):
    address = "/settings/privacy/retention"
    assert "Ensure this value" in owner_client.post(address, {"deliveries": "31"}).content.decode()
    owner_client.post(address, {"deliveries": "7", "message_texts": "365", "events": "", "exports": ""})
    enter_shop(shop.pk)
    shop.refresh_from_db()
    assert settings.of(shop).retention == {"deliveries": 7, "message_texts": 365}
    assert Event.objects.filter(kind="settings.changed", actor_kind="staff").exists()
    retention.apply(shop)
    assert "Message texts" in page(owner_client, address)


def test_a_shop_is_erased_by_hand_only_when_uninstalled_and_typed(shop, owner_client):
    address = "/settings/privacy/erase-shop"
    assert "Uninstall it there first" in page(owner_client, address)
    owner_client.post(address, {"typed": shop.domain})
    enter_shop(shop.pk)
    assert PrivacyRequest.objects.count() == 0
    Shop.objects.filter(pk=shop.pk).update(status="UNINSTALLED")
    assert "Nothing was done" in owner_client.post(address, {"typed": "other"}).content.decode()
    owner_client.post(address, {"typed": shop.domain})
    enter_shop(shop.pk)
    [request] = PrivacyRequest.objects.all()
    assert (request.kind, request.held, request.origin) == ("SHOP_REDACT", False, "staff")
    token = request.subject["certificate"]
    assert token in page(owner_client, address)
    assert Client().get(f"/erasure-certificates/{token}").status_code == 404


def test_what_shopify_asks_of_an_installed_shop_waits_for_the_owner(shop, owner_client):
    request = requests.erase_shop_on(shop, timezone.now(), origin=requests.Origin.SHOPIFY, reference="delivery:1")
    assert "the app is installed in the store" in page(owner_client)
    owner_client.post("/settings/privacy/erase-shop", {"typed": shop.domain})
    enter_shop(shop.pk)
    request.refresh_from_db()
    shop.refresh_from_db()
    assert not request.held and shop.status == "UNINSTALLED"
    assert decisions() == ["confirm"]


def test_or_is_closed_by_them(shop, owner_client):
    request = requests.erase_shop_on(shop, timezone.now(), origin=requests.Origin.SHOPIFY, reference="delivery:1")
    owner_client.post(f"/settings/privacy/requests/{request.pk}", {"decision": "decline"})
    enter_shop(shop.pk)
    request.refresh_from_db()
    assert request.status == "DONE" and "Not carried out" in request.note
    assert decisions() == ["decline"]


# REST


@pytest.fixture
def call(shop):
    def call(method: str, address: str, body: object = None, scopes: str = "owner"):
        enter_shop(shop.pk)
        _, plain = tokens.create("test", scopes)
        options = {"content_type": "application/json", "headers": {"authorization": f"Bearer {plain}"}}
        response = getattr(Client(), method)(f"/api/v1{address}", *([body] if body is not None else []), **options)
        enter_shop(shop.pk)
        return response

    return call


def test_requests_over_the_api(shop, call):
    contact = eve("OPT_IN")
    body = {"kind": "ACCESS", "email": EMAIL, "reference": "ticket 7"}
    made = call("post", "/privacy/requests", body)
    assert made.status_code == 202 and made.json()["status"] == "RECEIVED"
    assert call("post", "/privacy/requests", body).json()["id"] == made.json()["id"]
    assert call("get", f"/privacy/requests/{made.json()['id']}/package").status_code == 409
    carried_out(PrivacyRequest.objects.get())
    read = call("get", f"/privacy/requests/{made.json()['id']}").json()
    assert read["contact_ids"] == [contact] and read["package_bytes"]
    package = call("get", f"/privacy/requests/{made.json()['id']}/package")
    assert zipfile.ZipFile(io.BytesIO(b"".join(package.streaming_content))).testzip() is None
    enter_shop(shop.pk)
    taken = Event.objects.get(kind="privacy.package_downloaded")
    assert (taken.actor_kind, taken.actor_id) == ("staff", "API token test")
    assert call("get", "/privacy/requests?open=true").json()["items"] == []
    assert len(call("get", "/privacy/requests?limit=1").json()["items"]) == 1
    assert call("get", "/privacy/requests/99999999").status_code == 404


@pytest.mark.parametrize(
    ("body", "field"),
    [({"kind": "REDACT"}, "contact_id"), ({"kind": "SHOP_REDACT", "email": EMAIL}, "kind"),
     ({"kind": "ACCESS", "contact_id": 424242}, "contact_id"), ({"kind": "ACCESS", "phone": "12"}, "phone"),
     ({"kind": "REDACT", "contact_id": 1, "email": EMAIL}, "email"), ({"kind": "ACCESS", "email": "x"}, "email")],
)  # fmt: skip
def test_what_names_nobody_is_refused(call, body, field):
    response = call("post", "/privacy/requests", body)
    assert response.status_code == 422 and response.json()["invalid_fields"][0]["name"] == field
    assert PrivacyRequest.objects.count() == 0


def test_scopes(call):
    contact = eve()
    assert call("post", "/privacy/requests", {"kind": "REDACT", "contact_id": contact}, "admin").status_code == 403
    assert call("delete", f"/contacts/{contact}?erase=true", scopes="admin").status_code == 403
    assert call("get", "/privacy/requests", scopes="viewer").status_code == 403
    assert call("delete", f"/contacts/{contact}", scopes="viewer").status_code == 403


def test_deleting_and_erasing_a_contact(call):
    customer = eve()
    [made] = apply([ContactChange(source=Source.API, at=timezone.now(), profile=Profile("Bo", None, "bo@example.com"))])
    assert call("delete", f"/contacts/{customer}").status_code == 409
    assert call("delete", f"/contacts/{made.contact_id}").status_code == 204
    assert Contact.objects.get(pk=made.contact_id).deleted_at
    answer = call("delete", f"/contacts/{customer}?erase=true")
    assert answer.status_code == 202
    carried_out(PrivacyRequest.objects.get(pk=answer.json()["id"]))
    assert Contact.objects.get(pk=customer).redacted_at
    assert call("delete", f"/contacts/{customer}?erase=true").status_code == 404
    assert PHONE not in call("get", f"/contacts/{customer}").content.decode()
