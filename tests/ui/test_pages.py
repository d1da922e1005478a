"""What holds for every page: it opens, keeps to the security policy, and its role's limits."""

from __future__ import annotations

import re
from collections.abc import Callable

import pytest
from django.test import Client

from sayso.shops.models import Membership, Shop, User

from .conftest import BACKEND, say, sign_in

PAGES = [
    "/",
    "/dashboard/figures",
    "/audience/contacts",
    "/audience/consent",
    "/audience/consent/figures",
    "/audience/consent/campaigns",
    "/audience/consent/ledger",
    "/audience/consent/suppressed",
    "/campaigns",
    "/settings/shopify",
    "/settings/whatsapp",
    "/settings/consent",
    "/settings/consent/rules",
    "/settings/team",
    "/settings/tokens",
    "/accounts/2fa/",
    "/accounts/password/change/",
]


@pytest.mark.parametrize("path", PAGES)
def test_every_page_opens_within_the_security_policy(owner_client: Client, make_contact: Callable, path: str) -> None:
    say(make_contact(), "OPT_IN")
    answer = owner_client.get(path)
    assert answer.status_code == 200
    assert "unsafe" not in answer.headers["Content-Security-Policy"]
    page = answer.content.decode()
    assert not re.search(r"\sstyle=|<style|\son\w+=|javascript:", page)
    for script in re.findall(r"<script[^>]*>", page):
        assert "src=" in script or "application/json" in script


@pytest.mark.parametrize("path", PAGES)
def test_a_viewer_sees_every_page_and_no_button_that_changes(viewer_client: Client, path: str) -> None:
    answer = viewer_client.get(path)
    assert answer.status_code == 200
    actions = re.findall(r'<form[^>]*method="post"[^>]*action="([^"]*)"', answer.content.decode())
    allowed = {
        "/accounts/logout/",
        "/shops/choose",
        "/accounts/password/change/",
        "/audience/consent/suppressed/look-up",
    }
    assert set(actions) <= allowed


@pytest.mark.parametrize(
    "path",
    [
        "/audience/contacts/{}/unsubscribe",
        "/audience/contacts/{}/exclude",
        "/campaigns/new",
        "/campaigns/1/launch",
        "/campaigns/1/stop",
        "/settings/tokens",
        "/settings/tokens/1/revoke",
        "/settings/team/1/role",
    ],
)
def test_a_viewer_may_change_nothing(viewer_client: Client, make_contact: Callable, path: str) -> None:
    answer = viewer_client.post(path.format(make_contact()), {"channel": "whatsapp", "name": "x", "role": "admin"})
    assert answer.status_code == 403
    assert b"Your role in this shop, viewer" in answer.content


def test_the_sandbox_says_so_on_every_page(make_shop: Callable[..., Shop]) -> None:
    client = sign_in(make_shop("sand.myshopify.com", is_sandbox=True), "owner")
    assert b"Sandbox store: sand." in client.get("/settings/team").content


def test_no_sandbox_no_banner(owner_client: Client) -> None:
    assert b"Sandbox store" not in owner_client.get("/settings/team").content


def test_another_shops_contact_is_not_found(
    owner_client: Client, make_contact: Callable, make_shop: Callable[..., Shop]
) -> None:
    contact_id = make_contact()
    stranger = sign_in(make_shop(), "owner")
    assert stranger.get(f"/audience/contacts/{contact_id}").status_code == 404
    assert stranger.post(f"/audience/contacts/{contact_id}/exclude", {"excluded": "yes"}).status_code == 404


def test_choosing_a_shop(shop: Shop, make_shop: Callable[..., Shop]) -> None:
    second, foreign = make_shop("second.myshopify.com"), make_shop("foreign.myshopify.com")
    client = sign_in(shop, "owner")
    user = User.objects.get(email=f"owner-{shop.pk}@example.com")
    Membership.objects.create(user=user, shop=second, role="viewer")
    client.post("/shops/choose", {"shop": second.pk})
    assert client.session["shop_id"] == second.pk
    assert b"second" in client.get("/settings/team").content
    client.post("/shops/choose", {"shop": foreign.pk})
    assert client.session["shop_id"] == second.pk


def test_the_platform_owner_sees_every_shop(make_shop: Callable[..., Shop]) -> None:
    shop = make_shop()
    client = Client()
    user = User.objects.create_user("platform@example.com", "a long password", is_platform_owner=True)
    client.force_login(user, backend=BACKEND)
    client.post("/shops/choose", {"shop": shop.pk})
    assert client.get("/settings/team").status_code == 200


def test_a_missing_page_says_so(owner_client: Client) -> None:
    answer = owner_client.get("/nowhere")
    assert answer.status_code == 404
    assert b"Nothing here" in answer.content


def test_the_csrf_page_says_what_to_do(shop: Shop) -> None:
    client = Client(enforce_csrf_checks=True)
    client.force_login(User.objects.create_user("csrf@example.com", "a long password"), backend=BACKEND)
    answer = client.post("/shops/choose", {"shop": shop.pk})
    assert answer.status_code == 403
    assert b"Please try again" in answer.content


def test_the_live_token_names_the_shop(owner_client: Client, shop: Shop) -> None:
    from sayso.events import live

    token = owner_client.get("/live-token").json()["token"]
    assert live.read(token)[0] == shop.pk
