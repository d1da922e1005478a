"""Settings: tokens are shown once and revoked for good; a shop keeps an owner."""

from __future__ import annotations

import re

import pytest
from django.test import Client

from sayso.events.models import Event
from sayso.shops import tokens
from sayso.shops.models import ApiToken, Membership, Shop, User
from sayso.shops.roles import PERMISSIONS


def test_a_token_is_shown_once_and_kept_as_a_digest(owner_client: Client) -> None:
    page = owner_client.post("/settings/tokens", {"name": "till", "role": "viewer"}).content.decode()
    plain = re.search(r"sayso_\d+_[\w-]{43}", page)[0]
    token = ApiToken.objects.get()
    assert bytes(token.digest) == tokens.digest(plain)
    assert set(token.scopes) == PERMISSIONS["viewer"]
    again = owner_client.get("/settings/tokens").content.decode()
    assert "till" in again
    assert plain not in again


def test_revoking_a_token(owner_client: Client, shop: Shop) -> None:
    token, _ = tokens.create("till", "admin")
    owner_client.post(f"/settings/tokens/{token.pk}/revoke")
    token.refresh_from_db()
    assert token.revoked_at
    assert tokens.revoke(token.pk) is False


def test_nobody_makes_an_owner_token(owner_client: Client) -> None:
    owner_client.post("/settings/tokens", {"name": "till", "role": "owner"})
    assert not ApiToken.objects.exists()


@pytest.fixture
def admin(shop: Shop) -> Membership:
    user = User.objects.create_user("admin@example.com", "a long password")
    return Membership.objects.create(user=user, shop=shop, role="admin")


def role_of(member: Membership) -> str:
    member.refresh_from_db()
    return member.role


def test_an_owner_changes_roles(owner_client: Client, admin: Membership) -> None:
    owner_client.post(f"/settings/team/{admin.pk}/role", {"role": "viewer"})
    assert role_of(admin) == "viewer"
    owner_client.post(f"/settings/team/{admin.pk}/role", {"role": "emperor"})
    assert role_of(admin) == "viewer"


def test_the_last_owner_stays_owner(owner_client: Client, shop: Shop) -> None:
    owner = Membership.objects.get(shop=shop, role="owner")
    answer = owner_client.post(f"/settings/team/{owner.pk}/role", {"role": "viewer"}, follow=True)
    assert b"at least one owner" in answer.content
    assert role_of(owner) == "owner"


def test_an_admin_makes_no_owner(shop: Shop, admin: Membership) -> None:
    client = Client()
    client.force_login(admin.user, backend="allauth.account.auth_backends.AuthenticationBackend")
    client.post(f"/settings/team/{admin.pk}/role", {"role": "owner"})
    assert role_of(admin) == "admin"


def test_rights_are_given_and_taken_before_the_log(owner_client: Client, shop: Shop, admin: Membership) -> None:
    owner_client.post(f"/settings/team/{admin.pk}/role", {"role": "viewer"})
    owner_client.post("/settings/tokens", {"name": "till", "role": "admin"})
    owner_client.post(f"/settings/tokens/{ApiToken.objects.get().pk}/revoke")
    told = list(Event.objects.filter(kind__startswith="staff.").order_by("id"))
    assert [one.kind for one in told] == ["staff.role_changed", "staff.token_created", "staff.token_revoked"]
    assert told[0].data == {"user": admin.user_id, "role": ["admin", "viewer"]}
    assert {one.actor_id for one in told} == {str(Membership.objects.get(shop=shop, role="owner").user_id)}


def test_a_change_counts_from_the_next_click(owner_client: Client, admin: Membership) -> None:
    client = Client()
    client.force_login(admin.user, backend="allauth.account.auth_backends.AuthenticationBackend")
    owner_client.post(f"/settings/team/{admin.pk}/role", {"role": "viewer"})
    assert client.post("/settings/tokens", {"name": "x", "role": "viewer"}).status_code == 403
