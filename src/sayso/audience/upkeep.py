"""Bringing all groups of a shop up to date, in passes over its contacts: after an import, and every night.

Each chunk is a transaction of its own; being stopped anywhere and begun again gives the same.
"""

from __future__ import annotations

from django.db import transaction
from procrastinate.contrib.django import app
from procrastinate.exceptions import AlreadyEnqueued

from sayso.shops.models import Shop
from sayso.shops.tenancy import shop_context

from . import assign
from .settings import sync_groups

JOB = "audience.upkeep"


def request(shop_id: int) -> None:
    """Queue the passes; part of the caller's transaction. One that waits already is enough."""
    try:
        with transaction.atomic():
            app.configure_task(JOB, queueing_lock=f"{JOB} {shop_id}", lock=f"{JOB} {shop_id}").defer(shop_id=shop_id)
    except AlreadyEnqueued:
        pass  # it begins after this transaction, and sees what it wrote


def run(shop_id: int) -> None:
    """All passes. Call it outside of any transaction."""
    members(shop_id)
    guests(shop_id)
    if sync_groups(Shop.objects.get(pk=shop_id)):
        tags(shop_id)
    counts(shop_id)


def members(shop_id: int) -> None:
    """Members whose customers came in bulk, or who were waiting for somebody deleted."""
    after: int | None = 0
    while after is not None:
        with shop_context(shop_id):
            after = assign.link_more(after)


def guests(shop_id: int) -> None:
    """Guests whose orders came in bulk."""
    after: int | None = 0
    while after is not None:
        with shop_context(shop_id):
            after = assign.guests_more(after)


def tags(shop_id: int) -> None:
    """A group for every tag, with its spellings and its number of contacts."""
    with shop_context(shop_id):
        noted = assign.tags_look()
    after: str | None = ""
    while after is not None:
        with shop_context(shop_id):
            after = assign.tags_take(noted, after)
    with shop_context(shop_id):
        assign.tags_end(noted)


def counts(shop_id: int) -> None:
    """Count what is due, a few groups a transaction."""
    counted = 1
    while counted:
        with shop_context(shop_id):
            counted = assign.count()
