"""What messaging does in the background, besides the dispatcher: opt-ins that nobody confirmed run out."""

from __future__ import annotations

from django.db import connection, connections
from procrastinate.contrib.django import app

from sayso.consent.events import Channel, ConsentEvent
from sayso.consent.record import record
from sayso.shops.models import Shop
from sayso.shops.tenancy import shop_context

CHUNK = 5_000


@app.periodic(cron="17 * * * *")
@app.task(name="messaging.expire_confirmations", queueing_lock="messaging.expire_confirmations")
def expire_confirmations(timestamp: int) -> None:
    """End the opt-ins of all shops that were not confirmed within seven days."""
    try:
        for shop_id in Shop.objects.filter(status=Shop.Status.ACTIVE).values_list("pk", flat=True):
            while expire(shop_id) == CHUNK:
                pass
    finally:
        connections.close_all()


def expire(shop_id: int) -> int:
    """End a chunk of one shop's; how many contacts were found. Those of the shop's own platform are its to end."""
    with shop_context(shop_id):
        with connection.cursor() as cursor:
            cursor.execute("select contact_id, channel from overdue_confirmations(%s)", [CHUNK])
            overdue = cursor.fetchall()
        record(
            (
                ConsentEvent(
                    contact_id, Channel(channel), "PENDING_EXPIRED", None, "double_opt_in", actor_kind="system"
                )
                for contact_id, channel in overdue
            ),
            report=False,
        )
    return len({contact_id for contact_id, _ in overdue})
