"""Customers read again by id, see :mod:`.refetch`."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import Any

from sayso.contacts.changes import ContactChange, Source
from sayso.contacts.models import Contact

from .. import wire
from ..connection.tokens import Store
from ..customers import apply_readings

__all__ = ["apply_readings", "gone", "known", "readings"]


@dataclass(frozen=True, slots=True)
class Known:
    """What was held of a customer before the store was asked; its answer is newer than all of it."""

    sequence: int
    newest: datetime | None


def known(customer_ids: Sequence[int]) -> dict[int, Known]:
    """How new what we hold of these customers is, by their id."""
    rows = Contact.objects.filter(shopify_customer_id__in=customer_ids).values_list(
        "shopify_customer_id", "profile_sequence", "tags_at", "figures_at", "tag_changes"
    )
    return {
        customer_id: Known(sequence, max((at for at in (tags_at, figures_at, *_times(changes)) if at), default=None))
        for customer_id, sequence, tags_at, figures_at, changes in rows
        if customer_id is not None
    }


def _times(tag_changes: dict[str, dict[str, Any]] | None) -> list[datetime]:
    return [datetime.fromtimestamp(change["at"] / 1_000_000, UTC) for change in (tag_changes or {}).values()]


def readings(store: Store, node: dict[str, Any], held: Known | None) -> list[wire.Reading]:
    """The customer as read now.

    Shopify writes ``updatedAt`` in whole seconds, and the deliveries of tags and figures carry finer times, so that
    a reading could look older than what it already contains. What we held before asking is certainly in it: tags and
    figures count from that time on. By the store's clock alone; ours may be wrong.
    """
    sequence = wire.read_at()
    change, consents = wire.customer(node, sequence=max(sequence, held.sequence + 1) if held else sequence)
    if held is None or held.newest is None or change.at is None or held.newest <= change.at:
        return [(change, consents)]
    facts = ContactChange(
        source=change.source,
        at=held.newest,
        shopify_customer_id=change.shopify_customer_id,
        tags=change.tags,
        figures=change.figures,
    )
    return [(replace(change, tags=None, figures=None), consents), (facts, [])]


def gone(customer_id: int, held: Known | None) -> list[wire.Reading]:
    """The customer was deleted."""
    return [(ContactChange(source=Source.SHOPIFY, shopify_customer_id=customer_id, deleted=True), [])]
