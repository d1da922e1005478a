"""What groups need done in the background."""

from __future__ import annotations

from django.db import connection, connections
from procrastinate.contrib.django import app

from . import upkeep


@app.task(name=upkeep.JOB, retry=3)
def carry_out(shop_id: int) -> None:
    """The passes that follow an import."""
    try:
        upkeep.run(shop_id)
    finally:
        connections.close_all()


@app.periodic(cron="* * * * *")
@app.task(name="audience.count", queueing_lock="audience.count")
def count_members(timestamp: int) -> None:
    """Count the members of groups that changed since the last minute."""
    try:
        with connection.cursor() as cursor:
            cursor.execute("select group_shops_due(false)")
            due = [shop_id for (shop_id,) in cursor.fetchall()]
        for shop_id in due:
            upkeep.counts(shop_id)
    finally:
        connections.close_all()
