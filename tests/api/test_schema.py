"""The API answers as its description says, whatever is sent: schemathesis makes the calls up."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from typing import Any

import pytest
import schemathesis
from django.core.handlers.wsgi import WSGIHandler
from django.core.signals import request_finished, request_started
from django.db import close_old_connections
from django.test import override_settings
from hypothesis import HealthCheck, Phase, given, settings
from schemathesis.checks import not_a_server_error
from schemathesis.specs.openapi.checks import (
    content_type_conformance,
    response_schema_conformance,
    status_code_conformance,
)

from sayso.api.api import api as description
from sayso.contacts.apply import apply
from sayso.contacts.changes import ContactChange, Profile, Source
from sayso.messaging.models import Sender, Template

CHECKS = [not_a_server_error, status_code_conformance, content_type_conformance, response_schema_conformance]
BUDGET = settings(
    max_examples=12,
    deadline=None,
    derandomize=True,
    database=None,
    phases=[Phase.explicit, Phase.generate],
    suppress_health_check=list(HealthCheck),
)


@pytest.fixture
def schema(shop, api) -> Any:
    apply(
        [
            ContactChange(
                source=Source.SHOPIFY, shopify_customer_id=number, profile=Profile(email=f"{number}@example.com")
            )
            for number in (1, 2)
        ]
    )
    Sender.objects.create(
        shop_id=shop.pk, channel="whatsapp", phone_number_id="1", token="t", base_url="https://x.example"
    )
    Template.objects.create(
        shop_id=shop.pk, channel="whatsapp", name="t", language="en", category="MARKETING", status="APPROVED"
    )
    return schemathesis.openapi.from_dict(description.get_openapi_schema())


@pytest.fixture
def application() -> Iterator[WSGIHandler]:
    """Django as a WSGI application that keeps the test's connection, and with it its transaction."""
    signals = (request_started, request_finished)
    for signal in signals:
        signal.disconnect(close_old_connections)
    yield WSGIHandler()
    for signal in signals:
        signal.connect(close_old_connections)


def test_every_operation_answers_as_described(schema, api, application, monkeypatch):
    monkeypatch.setattr("sayso.api.limits.Buckets.take", lambda self, token_id: 0.0)
    statuses: Counter[int] = Counter()
    with override_settings(ALLOWED_HOSTS=["*"]):
        for found in schema.get_all_operations():
            _try(found.ok(), api.headers["authorization"], application, statuses)
    assert statuses[401] == 0
    assert statuses[200] > 20 and statuses[422] > 20 and statuses[404] > 5, statuses


def _try(operation: Any, authorization: str, app: WSGIHandler, statuses: Counter[int]) -> None:

    @BUDGET
    @given(case=operation.as_strategy())
    def probe(case: Any) -> None:
        response = case.call(headers={"Authorization": authorization}, app=app)
        statuses[response.status_code] += 1
        case.validate_response(response, checks=CHECKS, headers={"Authorization": authorization})

    probe()
