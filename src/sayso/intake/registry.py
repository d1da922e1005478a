"""Who handles which delivery. Rooms register their handlers when Django starts; intake knows none of them."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass

from .models import Delivery

Handle = Callable[[int, list[Delivery]], "Iterable[int] | None"]
"""``handle(shop_id, deliveries)``: runs inside the shop's transaction, with deliveries in the order they came, and may
return the ids of those that wait for another one."""


@dataclass(frozen=True, slots=True)
class Child:
    """One part of a delivery that told of several shops or people, drained as a delivery of its own."""

    topic: str
    body: bytes
    shop_ids: tuple[int, ...]
    """Whose it is; empty for nobody's, in which case it is kept and ignored."""
    lane: int = 1
    fold_key: str = ""


Split = Callable[[Delivery], Sequence[Child]]


class WaitsForAnother(Exception):
    """The delivery can only be applied after another one, for example an order after its customer. Never parked."""


_handlers: dict[tuple[str, str], tuple[int, Handle]] = {}
_splitters: dict[str, Split] = {}


def handler(provider: str, *topics: str) -> Callable[[Handle], Handle]:
    """Register ``handle(shop_id, deliveries)`` for topics of a provider.

    It gets all deliveries of a batch whose topics it is registered for, of one shop, with bodies as they came. What it
    writes is rolled back when it raises, and the deliveries are then tried one by one, so that only the bad one waits
    for its retry. Within a batch handlers run in the order they were registered in: customers before orders.
    Raises ValueError if a topic has a handler already.
    """

    def register(handle: Handle) -> Handle:
        for topic in topics:
            if (provider, topic) in _handlers and _handlers[provider, topic][1] is not handle:
                raise ValueError(f"{provider} {topic} has a handler already")
            _handlers[provider, topic] = (len(_handlers), handle)
        return handle

    return register


def splitter(provider: str) -> Callable[[Split], Split]:
    """Register what takes the deliveries of a provider apart that name no shop."""

    def register(split: Split) -> Split:
        _splitters[provider] = split
        return split

    return register


def split_of(provider: str) -> Split | None:
    return _splitters.get(provider)


def grouped(deliveries: Iterable[Delivery]) -> tuple[list[tuple[Handle, list[Delivery]]], list[Delivery]]:
    """A batch by handler, in the order of registration, and what no handler wants."""
    groups: dict[Handle, tuple[int, list[Delivery]]] = {}
    unwanted = []
    for delivery in deliveries:
        found = _handlers.get((delivery.provider, delivery.topic))
        if found is None:
            unwanted.append(delivery)
        else:
            rank, handle = found
            groups.setdefault(handle, (rank, []))[1].append(delivery)
    ordered = sorted(groups.items(), key=lambda item: item[1][0])
    return [(handle, members) for handle, (_, members) in ordered], unwanted


def topics() -> list[tuple[str, str]]:
    """(provider, topic) of everything that has a handler."""
    return sorted(_handlers)
