"""One-time sign-in links: opening uses nothing up, pressing the button does, once."""

from __future__ import annotations

import pytest
from django.test import Client

from sayso.shops.models import Shop, User
from sayso.ui import signin_links

pytestmark = pytest.mark.django_db


@pytest.fixture
def user() -> User:
    return User.objects.create_user("owner@example.com", "a long password")


def test_opening_a_link_does_not_use_it_up(client: Client, user: User) -> None:
    path = signin_links.issue(user)
    for _ in range(3):
        page = client.get(path)
        assert page.status_code == 200
        assert "_auth_user_id" not in client.session
    assert client.post(path).status_code == 302
    assert client.session["_auth_user_id"] == str(user.pk)


def test_a_link_works_once(user: User) -> None:
    path = signin_links.issue(user)
    Client().post(path)
    second = Client()
    answer = second.post(path)
    assert answer.status_code == 410
    assert b"used already" in answer.content
    assert "_auth_user_id" not in second.session
    assert second.get(path).status_code == 410


def test_a_link_runs_out(user: User, monkeypatch: pytest.MonkeyPatch) -> None:
    path = signin_links.issue(user)
    monkeypatch.setattr(signin_links, "MAX_AGE", -1)
    answer = Client().post(path)
    assert answer.status_code == 410
    assert b"run out" in answer.content


def test_a_forged_link_is_refused(user: User) -> None:
    path = signin_links.issue(user)
    assert Client().post(path[:-1] + ("A" if path[-1] != "A" else "B")).status_code == 410


def test_a_closed_account_is_refused(user: User) -> None:
    path = signin_links.issue(user)
    user.is_active = False
    user.save()
    assert Client().post(path).status_code == 410


def test_signing_in_by_password(client: Client, user: User) -> None:
    assert b"Sign in" in client.get("/accounts/login/").content
    answer = client.post("/accounts/login/", {"login": "owner@example.com", "password": "a long password"})
    assert (answer.status_code, answer.headers["Location"]) == (302, "/")


def test_who_is_in_no_shop_is_led_to_connecting_one(client: Client, user: User) -> None:
    client.post(signin_links.issue(user))
    assert client.get("/").headers["Location"] == "/connect"
    assert client.get("/connect").status_code == 200


def test_a_stranger_is_led_to_signing_in(client: Client, shop: Shop) -> None:
    answer = client.get("/audience/contacts")
    assert answer.headers["Location"] == "/accounts/login/?next=/audience/contacts"
    part = client.get("/audience/contacts", headers={"HX-Request": "true"})
    assert (part.status_code, part.headers["HX-Refresh"]) == (204, "true")
