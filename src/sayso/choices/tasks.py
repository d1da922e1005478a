"""What the room does in the background: taking what was handed in on forms."""

from __future__ import annotations

from procrastinate import RetryStrategy
from procrastinate.contrib.django import app

from sayso.shops.models import Shop
from sayso.shops.tenancy import shop_context

from .models import Submission
from .submit import take

ATTEMPTS = 12  # after 2, 4, 8 … seconds: more than two hours in all


@app.task(name="choices.take_up", retry=RetryStrategy(max_attempts=ATTEMPTS, exponential_wait=2))
def take_up(shop_id: int) -> None:
    """Bring what was handed in on forms of a shop through the doors."""
    take(shop_id)


@app.periodic(cron="41 * * * *")
@app.task(name="choices.take_up_again", queueing_lock="choices.take_up_again")
def take_up_again(timestamp: int) -> None:
    """Queue again what was given up, so that nobody's choice waits for the next person's."""
    for shop_id in Shop.objects.filter(status=Shop.Status.ACTIVE).values_list("pk", flat=True):
        with shop_context(shop_id):
            if Submission.objects.filter(taken_at__isnull=True).exists():
                take_up.configure(lock=f"choices.take_up:{shop_id}").defer(shop_id=shop_id)
