from typing import Any

from django.apps import AppConfig


class EventsConfig(AppConfig):
    name = "sayso.events"
    default_auto_field = "django.db.models.BigAutoField"

    def ready(self) -> None:
        from sayso.shops import acts

        acts.pens[:] = [_write]


def _write(kind: str, actor_id: str, data: dict[str, Any]) -> None:
    from django.utils import timezone

    from sayso.shops.tenancy import current_shop_id

    from .models import Event

    Event.objects.create(
        shop_id=current_shop_id(), kind=kind, occurred_at=timezone.now(), actor_kind="staff", actor_id=actor_id,
        origin="settings", data=data,
    )  # fmt: skip
