"""What the consent room does in the background."""

from __future__ import annotations

from django.db import connections
from procrastinate import RetryStrategy
from procrastinate.contrib.django import app

from . import inferred


@app.task(name=inferred.JOB, retry=RetryStrategy(max_attempts=10, exponential_wait=2))
def follow_option(shop_id: int) -> None:
    """Bring every contact to the shop's consent option."""
    try:
        inferred.follow_option(shop_id)
    finally:
        connections.close_all()
