"""The one decision about groups (features §8.6, §18), kept in ``Shop.settings``; each change is an event with its author."""

from __future__ import annotations

from django.utils import timezone

from sayso.events.models import Event
from sayso.shops.models import Shop

KEY = "sync_groups"


def sync_groups(shop: Shop) -> bool:
    """Whether Shopify's segments and tags become groups here and follow it. On unless switched off."""
    return bool(shop.settings.get(KEY, True))


def set_sync_groups(shop: Shop, on: bool, *, actor_id: str) -> bool:
    """Switch it; whether that changed anything. Needs the shop's transaction. Groups there are stay as they are."""
    shop = Shop.objects.select_for_update().get(pk=shop.pk)
    before = sync_groups(shop)
    if before == on:
        return False
    Shop.objects.filter(pk=shop.pk).update(settings=shop.settings | {KEY: on})
    Event.objects.create(
        shop_id=shop.pk, kind="settings.changed", occurred_at=timezone.now(), actor_kind="staff", actor_id=actor_id,
        origin="settings", data={KEY: [before, on]},
    )  # fmt: skip
    return True
