"""A caller of the API: JSON in, JSON out, with a token of one shop."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from django.test import Client

from sayso.shops import tokens
from sayso.shops.models import Shop
from sayso.shops.tenancy import shop_context

Call = Callable[..., Any]


class Caller:
    """``api.get("/contacts", limit=2)``; answers Django's test response."""

    def __init__(self, token: str) -> None:
        self.client = Client(raise_request_exception=False)
        self.headers = {"authorization": f"Bearer {token}"}

    def get(self, path: str, **query: Any) -> Any:
        return self.client.get(f"/api/v1{path}", query, headers=self.headers)

    def post(self, path: str, body: Any = None) -> Any:
        return self.client.post(f"/api/v1{path}", body or {}, content_type="application/json", headers=self.headers)

    def upsert(self, *contacts: dict[str, Any], dedupe_on: str = "email", **more: Any) -> Any:
        return self.post("/contacts", {"contacts": contacts, "dedupe_on": dedupe_on, **more})


@pytest.fixture
def make_caller() -> Callable[..., Caller]:
    def make(shop: Shop, role: str = "owner") -> Caller:
        with shop_context(shop.pk):
            return Caller(tokens.create("tests", role)[1])

    return make


@pytest.fixture
def api(shop: Shop, make_caller: Callable[..., Caller]) -> Caller:
    return make_caller(shop)
