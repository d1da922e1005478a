"""What people see of deliveries. The table has no policy, so every question names its shop."""

from __future__ import annotations

from django.db.models import Count, QuerySet

from .models import Delivery


def parked(shop_id: int) -> QuerySet[Delivery]:
    """Deliveries of one shop that failed too often, newest first, without their bodies."""
    return Delivery.objects.filter(shop_id=shop_id, state=Delivery.State.PARKED).defer("body").order_by("-received_at")


def counts(shop_id: int) -> dict[str, int]:
    """How many deliveries of one shop are in each state."""
    rows = Delivery.objects.filter(shop_id=shop_id).values_list("state").annotate(Count("pk"))
    return dict.fromkeys(Delivery.State.values, 0) | dict(rows)
