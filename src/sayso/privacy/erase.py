"""Erasing a shop (``shop/redact``, or by hand after uninstalling): every row of every table, in batches, and a signed
certificate in the end. A crash anywhere leaves the request open, and the next worker goes on."""

from __future__ import annotations

import json
import secrets
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

from django.db import OperationalError, connection
from django.utils import timezone

from sayso.consent.models import Checkpoint
from sayso.shops import personal
from sayso.shops.models import Membership, Shop
from sayso.shops.tenancy import shop_context

from . import signing
from .models import ErasureCertificate, PrivacyRequest
from .requests import Origin, Status
from .rows import call

BATCH = 25_000
TRIES = 5  # that often something may be written between the last batch and the certificate


class Stopped(Exception):
    """The worker is to end; the request goes on with the next one."""


def carry_out(
    request: PrivacyRequest, *, lease: timedelta, should_stop: Callable[[], bool] = lambda: False
) -> ErasureCertificate | None:
    """Carry a claimed erasure out. None where the app was installed again: then a person decides.

    Not inside a transaction: each batch is one. Raises Stopped between two of them.
    """
    shop = Shop.objects.get(pk=request.shop_id)
    if shop.status == Shop.Status.ACTIVE:
        _installed_again(request)
        return None
    with shop_context(shop.pk):
        if "checkpoint" not in (request.subject or {}):
            # Before the batches take it.
            request.subject = (request.subject or {}) | {"checkpoint": last_checkpoint()}
            request.save(update_fields=["subject"])
    for attempt in range(TRIES):
        _remove_all(request, should_stop)
        try:
            return _certify(request, shop)
        except OperationalError:  # serialization_failure: rows came meanwhile
            if attempt + 1 == TRIES:
                raise
    return None


def _remove_all(request: PrivacyRequest, should_stop: Callable[[], bool]) -> None:
    while True:
        if should_stop():
            raise Stopped
        with shop_context(request.shop_id):
            if not call("erase_shop_rows", request.pk, BATCH):
                return


def _certify(request: PrivacyRequest, shop: Shop) -> ErasureCertificate:
    with shop_context(shop.pk):
        request.refresh_from_db()
        token = (request.subject or {}).get("certificate") or secrets.token_urlsafe(32)
        signer = signing.signer()
        document = canonical(
            _document(request, shop, token) | {"key": signer.key_id, "public_key": signer.public.hex()}
        )
        signature = signer.sign(document.encode())
        with connection.cursor() as cursor:
            cursor.execute(
                "select erase_shop(%s, %s, %s, %s, %s)", [request.pk, token, document, signer.key_id, signature]
            )
    for forget in personal.outside:
        forget(shop.pk)
    return ErasureCertificate.objects.get(token=token)


def _document(request: PrivacyRequest, shop: Shop, token: str) -> dict[str, Any]:
    counts = dict(request.counts)
    counts["membership"] = Membership.objects.filter(shop=shop).count()
    return {
        "type": "sayso erasure certificate",
        "version": 1,
        "certificate": token,
        "shop": shop.domain,
        "requested_by": request.origin,
        "requested_at": _time(request.received_at),
        "erased_at": _time(timezone.now()),
        "rows_erased": {name: count for name, count in sorted(counts.items()) if count},
        "last_checkpoint": (request.subject or {}).get("checkpoint"),
    }


def canonical(document: dict[str, Any]) -> str:
    """RFC 8785 for what stands in a certificate: texts, whole numbers, null."""
    return json.dumps(document, sort_keys=True, separators=(",", ":"), ensure_ascii=False)


def _time(moment: datetime) -> str:
    return moment.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%S.%fZ")


def last_checkpoint() -> dict[str, Any] | None:
    """Number, root and time of the shop's newest signed checkpoint; None where none was made."""
    last = Checkpoint.objects.order_by("-number").values("number", "root", "made_at").first()
    return last and {"number": last["number"], "root": bytes(last["root"]).hex(), "made_at": _time(last["made_at"])}


def _installed_again(request: PrivacyRequest) -> None:
    """A planned erasure is off; one that Shopify or a person asked for waits for the owner's word."""
    with shop_context(request.shop_id):
        rows = PrivacyRequest.objects.filter(pk=request.pk)
        if request.origin == Origin.SYSTEM:
            rows.update(
                status=Status.DONE, done_at=timezone.now(), leased_until=None,
                note="Not carried out: the app was installed again before the 30 days were over.",
            )  # fmt: skip
        else:
            rows.update(
                status=Status.RECEIVED, held=True, leased_until=None,
                note="The app is installed in the store: confirm the erasure, or decline it.",
            )  # fmt: skip
