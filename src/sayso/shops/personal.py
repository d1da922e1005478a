"""What each room holds about a person: declared by the room, read by the privacy room.

A declaration says how to hand the rows out (GDPR Art. 15) and how to erase what names the person (Art. 17). Rooms add
theirs when Django starts. ``tests/privacy/test_holdings.py`` reads the catalogue and fails for a table that names a
contact and that nobody declared.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any

Row = dict[str, Any]
"""Plain values; the keys are the columns of the CSV file, the same in every row of a holding."""


@dataclass(frozen=True, slots=True)
class Subject:
    """A person as the rooms know them. ``address_keys`` are the keyed hashes of every address they have or had."""

    contact_ids: Sequence[int]
    customer_ids: Sequence[int] = ()
    address_keys: Sequence[bytes] = ()
    subject_keys: Sequence[str] = ()
    """Under which deliveries are found, see :mod:`sayso.intake.subjects`."""
    order_ids: Sequence[int] | None = None
    """Of the platform: the orders whose personal parts are to go. None: all of the person."""
    stray_order_ids: Sequence[int] = ()
    """Of the platform: orders that carry an address of theirs and belong to no contact any more."""
    request_id: int | None = None
    """The open privacy request that allows erasing; None when contacts deleted 30 days ago are purged."""


@dataclass(frozen=True, slots=True)
class Holding:
    """One kind of data about people."""

    name: str
    """Name of its files in an access package: ``messages``."""
    title: str
    """In words, for the package's table of contents."""
    tables: tuple[str, ...]
    collect: Callable[[Subject], Iterator[Row]] | None
    """Streams the rows of a person, inside the shop's transaction; None where they are told by another holding."""
    scrub: Callable[[Subject], int] | None
    """Erases what names the person and answers how many rows that changed; None where nothing does."""
    why_kept: str = field(default="")
    """Where rows stay as they are: the reason, shown in docs and on the page."""


outside: list[Callable[[int], object]] = []
"""Called with the id of a shop that was erased, by rooms that keep something of it outside the database: files. Must not
fail where there is nothing."""

_holdings: dict[str, Holding] = {}


def declare(*holdings: Holding) -> None:
    """Add what a room holds. Declaring the same name again replaces it, so that starting twice is harmless."""
    for holding in holdings:
        _holdings[holding.name] = holding


def holdings() -> list[Holding]:
    """All that was declared, in the order of declaration."""
    return list(_holdings.values())


def declared_tables() -> set[str]:
    return {table for holding in _holdings.values() for table in holding.tables}
