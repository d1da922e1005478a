"""What a shop chose when it connected its store, and may choose anew (features §8.1)."""

from __future__ import annotations

from typing import Any

from sayso.consent import inferred, settings
from sayso.consent.settings import Settings
from sayso.shops.models import Shop
from sayso.shops.tenancy import current_shop_id


def syncing() -> bool:
    """Whether contacts of the current shop are made and changed by what its store says."""
    return settings.of(Shop.objects.get(pk=current_shop_id())).sync_contacts


def choose(shop: Shop, *, actor_id: str, **values: Any) -> tuple[Settings, Settings]:
    """Decide anew on ``sync_contacts``, ``consent_option`` or ``write_back_consent``; answers what held and what holds.

    Needs a transaction with this shop. Whoever calls this has seen to it that an owner confirmed what inferring consent
    takes. Raises msgspec.ValidationError for what is no choice.
    """
    before = settings.of(Shop.objects.get(pk=shop.pk))
    if values.get("consent_option") == "INFERRED" != before.consent_option:
        inferred.confirmed(shop.pk, actor_id)
    after = settings.change(shop, actor_kind="staff", actor_id=actor_id, **values)
    if after.consent_option != before.consent_option:
        inferred.switched(shop.pk)
    return before, after
