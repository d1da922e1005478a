"""A shop whose public pages are set up, and a published form."""

from __future__ import annotations

import re
from collections.abc import Callable

import pytest
from django.core.cache import cache
from django.test import Client

from sayso.choices import manage
from sayso.choices.models import Form
from sayso.consent import settings as consent_settings
from sayso.shops.models import Shop


@pytest.fixture(autouse=True)
def fresh_limits(db) -> None:
    cache.clear()


@pytest.fixture
def ready(shop: Shop) -> Shop:
    """A shop that may publish."""
    consent_settings.change(
        shop,
        actor_kind="staff",
        privacy_policy_url="https://shop.example/privacy",
        terms_url="https://shop.example/terms",
    )
    shop.refresh_from_db()
    return shop


@pytest.fixture
def make_form(ready: Shop) -> Callable[..., Form]:
    def make(kind: str = "HOSTED", **content: object) -> Form:
        values = {"title": "Stay in touch", "channels": ["whatsapp", "email"], "topics": [], "languages": ["en", "de"]}
        form = manage.create(kind, actor_id="1", **(values | content))
        manage.use_suggested(form, ready, actor="owner@example.com")
        manage.publish(form, actor_id="1")
        return form

    return make


class Visitor:
    """Somebody with a browser and no account."""

    def __init__(self) -> None:
        self.client = Client(enforce_csrf_checks=True)

    def get(self, path: str, **headers: str):
        return self.client.get(path, headers=headers)

    def post(self, path: str, data: dict | None = None, *, ip: str = "203.0.113.7", **headers: str):
        return self.client.post(path, data or {}, REMOTE_ADDR=ip, headers={"user-agent": "Testing/1"} | headers)

    def token(self, path: str) -> str:
        return re.search(r'name="shown" value="([^"]+)"', self.get(path).content.decode())[1]

    def fill(self, path: str, *, ip: str = "203.0.113.7", **data: object):
        given = {"channels": ["whatsapp"], "phone": "+4915112345678"} | data
        given.setdefault("shown", self.token(path))
        return self.post(path, given, ip=ip)


@pytest.fixture
def visitor() -> Visitor:
    return Visitor()


def address(form: Form) -> str:
    return f"/f/{form.shop_id}-{form.key}"
