"""What the privacy room does by the clock. Requests themselves are carried out by the loop in :mod:`.work`, not as jobs:
an import may hold all the jobs' places for an hour, and a person waits."""

from __future__ import annotations

import logging

from django.db import connections
from django.utils import timezone
from procrastinate.contrib.django import app

from sayso.shops.models import Shop
from sayso.shops.tenancy import shop_context

from . import requests, retention
from .models import PrivacyRequest
from .rows import call

log = logging.getLogger(__name__)


@app.periodic(cron="41 3 * * *")
@app.task(name="privacy.retention", queueing_lock="privacy.retention")
def apply_retention(timestamp: int) -> None:
    """Enforce the periods of every shop, and plan the erasure of those that uninstalled. One shop's trouble does not keep
    the others waiting."""
    try:
        swept = call("privacy_sweep_erased")
        if swept:
            log.warning("%d rows had been written while their shop was erased; they are gone", swept)
        for shop in Shop.objects.order_by("pk"):
            try:
                plan_erasure(shop)
                removed = retention.apply(shop)
                log.info("retention of shop %d: %s", shop.pk, removed)
            except Exception:
                log.exception("retention of shop %d", shop.pk)
    finally:
        connections.close_all()


def plan_erasure(shop: Shop) -> None:
    """A shop that uninstalled is erased 30 days later, should ``shop/redact`` not come before."""
    if shop.status == Shop.Status.ACTIVE:
        return
    with shop_context(shop.pk):
        open_one = PrivacyRequest.objects.filter(kind=requests.Kind.SHOP_REDACT).exclude(status=requests.Status.DONE)
        if not open_one.exists():
            requests.erase_shop_on(shop, timezone.now() + requests.AFTER_UNINSTALL, origin=requests.Origin.SYSTEM)
