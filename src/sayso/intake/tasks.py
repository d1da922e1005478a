"""What intake does by the clock."""

from __future__ import annotations

from django.db import connection
from procrastinate.contrib.django import app

from sayso.shops.models import Shop
from sayso.shops.tenancy import shop_context

from . import freshness

UNKNOWN_SHOP_DAYS = 30
CHUNK = 10_000
FORGET = """
delete from delivery where id in (
  select id from delivery
  where shop_id is null and state in ('IGNORED', 'DONE') and received_at < now() - make_interval(days => %s)
  limit %s)
"""


@app.periodic(cron="17 3 * * *")
@app.task(name="intake.forget_unknown", queueing_lock="intake.forget_unknown")
def forget_unknown(timestamp: int) -> int:
    """Delete what belongs to no shop after 30 days: deliveries of unknown shops, and the shells of split ones. Returns
    how many."""
    total = 0
    while True:
        with connection.cursor() as cursor:
            cursor.execute(FORGET, [UNKNOWN_SHOP_DAYS, CHUNK])
            total += cursor.rowcount
            if cursor.rowcount < CHUNK:
                return total


@app.periodic(cron="*/5 * * * *")
@app.task(name="intake.count_freshness", queueing_lock="intake.count_freshness")
def count_freshness(timestamp: int) -> None:
    """Count how soon the deliveries of the last minutes were applied."""
    for shop_id in Shop.objects.values_list("pk", flat=True):
        with shop_context(shop_id):
            freshness.count(shop_id)
