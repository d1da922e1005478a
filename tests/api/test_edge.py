"""Who gets in, and how the API says no."""

from __future__ import annotations

import json
from datetime import timedelta

import pytest
from django.test import Client
from django.utils import timezone

from sayso.api import middleware
from sayso.api.limits import Buckets
from sayso.contacts.models import Contact
from sayso.shops import tokens
from sayso.shops.models import ApiToken, Shop
from sayso.shops.tenancy import shop_context


def assert_problem(response, status: int, kind: str) -> dict:
    assert response.status_code == status, response.content
    assert response["Content-Type"] == "application/problem+json"
    document = json.loads(response.content)
    assert set(document) - {"invalid_fields"} == {"type", "title", "status", "detail", "instance"}
    assert (document["status"], document["type"]) == (status, f"urn:sayso:problem:{kind}")
    assert document["detail"] and document["instance"].startswith("/api/")
    return document


@pytest.mark.parametrize(
    "header",
    [
        "",
        "Bearer",
        "Bearer ",
        "Bearer nonsense",
        "Basic dTpw",
        "Bearer sayso_1_short",
        "Bearer sayso_99999_" + "a" * 43,
    ],
)
def test_without_a_live_token_nobody_gets_in(shop, header):
    response = Client().get("/api/v1/contacts", headers={"authorization": header} if header else {})
    assert_problem(response, 401, "unauthorized")
    assert response["WWW-Authenticate"].startswith("Bearer")


def test_a_revoked_token_is_refused(shop, api):
    assert api.get("/contacts").status_code == 200
    tokens.revoke(ApiToken.objects.get().pk)
    assert_problem(api.get("/contacts"), 401, "unauthorized")


def test_the_secret_counts_and_so_does_the_shop(make_shop, shop):
    other = make_shop()
    with shop_context(shop.pk):
        plain = tokens.create("one", "viewer")[1]
    secret = plain.split("_", 2)[2]
    assert tokens.authenticate(plain)[0] == shop
    assert tokens.authenticate(f"sayso_{other.pk}_{secret}") is None
    assert tokens.authenticate(plain[:-1] + ("a" if plain[-1] != "a" else "b")) is None


def test_only_the_digest_is_kept(shop):
    token, plain = tokens.create("one", "viewer")
    token.refresh_from_db()
    assert bytes(token.digest) == tokens.digest(plain) and plain not in str(vars(token))


def test_last_use_is_written_once_a_minute(shop):
    token, plain = tokens.create("one", "viewer")
    tokens.authenticate(plain)
    token.refresh_from_db()
    first = token.last_used_at
    tokens.authenticate(plain)
    token.refresh_from_db()
    assert token.last_used_at == first
    ApiToken.objects.filter(pk=token.pk).update(last_used_at=timezone.now() - timedelta(seconds=61))
    tokens.authenticate(plain)
    token.refresh_from_db()
    assert token.last_used_at > first


@pytest.mark.parametrize(
    ("method", "path"),
    [("post", "/contacts"), ("post", "/campaigns"), ("post", "/campaigns/1/send"), ("post", "/campaigns/1/stop")],
)
def test_a_viewer_may_only_read(shop, make_caller, method, path):
    viewer = make_caller(shop, "viewer")
    assert viewer.get("/contacts").status_code == 200
    document = assert_problem(getattr(viewer, method)(path), 403, "forbidden")
    assert "scope" in document["detail"]


def test_unknown_addresses_and_methods(api):
    assert_problem(api.get("/nothing/here"), 404, "not_found")
    response = api.client.delete("/api/v1/contacts", headers=api.headers)
    assert_problem(response, 405, "method_not_allowed")
    assert "GET" in response["Allow"]
    assert_problem(api.get("/contacts/123456"), 404, "not_found")


def test_bodies_that_are_not_json(api):
    def post(body: bytes, kind: str):
        return api.client.post("/api/v1/contacts", body, content_type=kind, headers=api.headers)

    assert_problem(post(b"{nope", "application/json"), 400, "message_not_readable")
    assert_problem(post(b"a=1", "application/x-www-form-urlencoded"), 415, "unsupported_media_type")
    assert_problem(post(b"[1]", "application/json"), 422, "validation")


def test_bodies_that_are_too_large(api):
    body = b'{"contacts": [], "dedupe_on": "' + b"x" * middleware.MAX_BODY + b'"}'
    response = api.client.post("/api/v1/contacts", body, content_type="application/json", headers=api.headers)
    assert_problem(response, 413, "payload_too_large")


def test_what_is_wrong_is_named(api):
    document = assert_problem(api.get("/contacts", limit=1001), 422, "validation")
    assert document["invalid_fields"] == [
        {"name": "limit", "code": "constraint_violation", "reason": "Input should be less than or equal to 1000"}
    ]
    document = assert_problem(api.get("/contacts", nonsense=1), 422, "validation")
    assert document["invalid_fields"][0]["name"] == "nonsense"
    document = assert_problem(api.post("/contacts", {"contacts": []}), 422, "validation")
    assert document["invalid_fields"][0] == {
        "name": "dedupe_on",
        "code": "missing_parameter",
        "reason": "Field required",
    }
    for cursor in ("nonsense", "WzFd", "W10"):
        assert_problem(api.get("/contacts", cursor=cursor), 422, "validation")


def test_more_than_the_limit_is_told_to_wait(api, monkeypatch):
    monkeypatch.setattr(Buckets, "take", lambda self, token_id: 0.3)
    response = api.get("/contacts")
    assert_problem(response, 429, "too_many_requests")
    assert response["Retry-After"] == "1"


def test_the_bucket_gives_two_hundred_a_second_to_each():
    now = [0.0]
    buckets = Buckets(clock=lambda: now[0])
    assert sum(buckets.take(1) == 0 for _ in range(300)) == 200
    assert buckets.take(2) == 0
    assert 0 < buckets.take(1) <= 0.005
    now[0] = 0.5
    assert sum(buckets.take(1) == 0 for _ in range(300)) == 100


def test_a_fault_of_ours_changes_nothing_and_tells_nothing(api, monkeypatch, caplog):
    def fail(*_args, **_options):
        raise RuntimeError("secret detail")

    monkeypatch.setattr("sayso.api.upsert.record_all", fail)
    contact = {"email": "a@example.com", "consents": [{"channel": "email", "state": "UNSUBSCRIBED"}]}
    document = assert_problem(api.upsert(contact), 500, "internal_server_error")
    assert "secret" not in str(document)
    assert Contact.objects.count() == 0


def test_the_description_is_openapi_31_and_open_to_all(shop):
    response = Client().get("/api/v1/openapi.json")
    schema = response.json()
    assert schema["openapi"].startswith("3.1")
    assert {"400", "401", "403", "404", "422", "429"} < set(schema["paths"]["/api/v1/contacts"]["get"]["responses"])
    assert schema["components"]["securitySchemes"]["Scope"]["scheme"] == "bearer"
    page = Client().get("/api/v1/docs")
    assert page.status_code == 200 and b"/api/v1/contacts/by-phone/{phone}" in page.content
    assert b"<script" not in page.content


def test_a_shop_sees_itself_alone(make_shop, make_caller):
    one, two = make_shop(), make_shop()
    first, second = make_caller(one), make_caller(two)
    made = first.upsert({"email": "a@example.com", "phone": "+4915112345678"}).json()["items"][0]["contact_id"]
    assert first.get("/contacts").json()["total"] == 1
    assert second.get("/contacts").json() == {"items": [], "next_cursor": None, "total": 0}
    for path in (f"/contacts/{made}", f"/contacts/{made}/consent", f"/contacts/{made}/activity"):
        assert first.get(path).status_code == 200
        assert_problem(second.get(path), 404, "not_found")
    assert_problem(second.get("/contacts/by-phone/+4915112345678"), 404, "not_found")
    answer = second.upsert({"id": made, "first_name": "Mallory"}, dedupe_on="id").json()
    assert answer["items"] == [] and answer["failed_contacts"][0]["invalid_fields"][0]["code"] == "invalid_reference"
    assert Shop.objects.count() >= 2
