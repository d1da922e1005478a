"""What pages ask and tell the Shopify room about groups."""

from __future__ import annotations

from django.conf import settings

from sayso.audience import upkeep
from sayso.shops.models import Shop

from . import queries
from .connection.subscriptions import can_push
from .importing import imports
from .models import Connection, SyncRun
from .queries import Progress

_CUT_OFF = ("DISCONNECTED", "REFUSED", "UNINSTALLED")


def connected() -> bool:
    """Whether the current shop has a store that can be asked."""
    return Connection.objects.exclude(status__in=_CUT_OFF).exists()


def live(shop: Shop) -> bool:
    """Whether the store tells at once who joins and leaves a segment; else the nightly comparison finds it."""
    return can_push(settings.PUBLIC_URL, sandbox=shop.is_sandbox)


def latest_comparison() -> Progress | None:
    """The newest reading of all segments of the current shop."""
    run = SyncRun.objects.filter(kind="segments").order_by("-id").first()
    return queries.Progress(run) if run else None


def bring_up_to_date(shop_id: int) -> None:
    """Queue a comparison of all segments, and a pass over the tags. Inside the shop's transaction."""
    upkeep.request(shop_id)
    imports.start(shop_id, ["segments"])
