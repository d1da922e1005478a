"""The catalogue of the store, brought to the commerce room."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from sayso.commerce.catalogue import apply
from sayso.commerce.catalogue_changes import Catalogue

from .customers import Counts
from .models import SyncRun
from .wire import read_at


def apply_catalogue(batches: Iterable[Catalogue]) -> None:
    """Apply what was read or delivered, in the caller's transaction."""
    apply(together(batches))


def together(batches: Iterable[Catalogue]) -> Catalogue:
    """One batch of several."""
    found = Catalogue()
    for batch in batches:
        found.products += batch.products
        found.variants += batch.variants
        found.levels += batch.levels
        found.collections += batch.collections
    return found


def import_products(batches: Sequence[Catalogue]) -> Counts:
    """Apply products of a bulk file. Who is in which collection is as old as the operation, which began with its run."""
    batch = together(batches)
    running = SyncRun.objects.filter(kind="products", status=SyncRun.Status.IN_PROGRESS)  # others only wait
    started_at = running.order_by("started_at").values_list("started_at", flat=True).first()
    moment = read_at(started_at)
    for change in batch.products:
        change.read_at = moment
    return _counts(len(batch.products), batch)


def import_collections(batches: Sequence[Catalogue]) -> Counts:
    """Apply collections of a bulk file."""
    batch = together(batches)
    return _counts(len(batch.collections), batch)


def _counts(seen: int, batch: Catalogue) -> Counts:
    applied = apply(batch, bulk=True)
    created = sum(one.created for one in applied)
    return Counts(seen=seen, created=created, updated=len(applied) - created)
