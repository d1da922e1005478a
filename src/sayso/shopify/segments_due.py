"""When segments are compared with Shopify: every night, and once after something kept that night from happening."""

from __future__ import annotations

from datetime import datetime, time, timedelta

from sayso.audience.settings import sync_groups
from sayso.shops.models import Shop
from sayso.shops.pages import zone
from sayso.shops.tenancy import shop_context

from . import groups
from .importing import imports
from .models import SyncRun

NIGHTLY = time(3, 30)
"""By the shop's clock; half an hour after everything else is compared (features §8.8)."""


def latest(now: datetime, time_zone: str) -> datetime:
    """The last moment, not after ``now``, at which it was :data:`NIGHTLY` in the shop."""
    local = now.astimezone(zone(time_zone))
    today = datetime.combine(local.date(), NIGHTLY, local.tzinfo)
    return today if today <= now else datetime.combine(local.date() - timedelta(days=1), NIGHTLY, local.tzinfo)


def start_if_due(shop: Shop, now: datetime) -> bool:
    """Queue the comparison unless one began since; whether it was. A shop whose customers were never imported, whose app
    may not read them, or that was taken off its store, is left alone."""
    if not sync_groups(shop):
        return False
    with shop_context(shop.pk):
        if not groups.connected() or "segments" not in imports.allowed_kinds():
            return False
        if not SyncRun.objects.filter(kind="customers", status=SyncRun.Status.COMPLETE).exists():
            return False
        if SyncRun.objects.filter(kind="segments", started_at__gte=latest(now, shop.time_zone)).exists():
            return False
    imports.start(shop.pk, ["segments"], SyncRun.Trigger.RECONCILE)
    return True
