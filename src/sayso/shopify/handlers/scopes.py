"""What the app may do in the store changed."""

from __future__ import annotations

from procrastinate.contrib.django import app

from sayso.intake.models import Delivery
from sayso.intake.registry import handler

from ..connection import scopes
from .reading import payload, sequence

LOOK = "shopify.look_after_connection"


@handler("shopify", "app/scopes_update")
def scopes_update(shop_id: int, deliveries: list[Delivery]) -> None:
    """The newest word counts until the store itself is asked, which is queued here: deliveries may come in any order.

    What is allowed now is then subscribed to and, if it was not before, read.
    """
    current = payload(max(deliveries, key=sequence)).get("current")
    if not isinstance(current, list):
        raise ValueError("no list of scopes")
    names = [name for name in current if isinstance(name, str)]
    gained = scopes.keep(names)
    app.configure_task(LOOK, lock=f"{LOOK} {shop_id}").defer(shop_id=shop_id, reconcile=gained)
