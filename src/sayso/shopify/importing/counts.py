"""What became of a batch that an import applied: how many, which ones, and what was wrong with some."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

FAILED, INVALID, NOTED = "failed", "invalid", "noted"

PROBLEMS: Final[dict[str, str]] = {
    "UNREADABLE": FAILED,
    "REFUSED_VALUE": FAILED,
    "NO_ADDRESS": INVALID,
    "IMPOSSIBLE_PHONE": INVALID,
    "PHONE_LEFT_OUT": NOTED,
    "CONSENT_REFUSED": NOTED,
}
"""Kind of problem → what became of the object: nothing of it was kept (failed), it was kept and cannot be reached
(invalid, features §8.2), or it was kept and can be reached in another way (noted)."""


@dataclass(frozen=True, slots=True)
class Problem:
    """What is wrong with one object of the store. Nothing in it names a person but by number."""

    code: str
    reference: str = ""
    """Shopify's id of the object, where the line let itself be read that far."""
    contact_id: int | None = None
    detail: str = ""


@dataclass(frozen=True, slots=True)
class Counts:
    """What became of a batch. ``invalid``: kept, and cannot be reached at all. ``failed``: could not be read or kept."""

    seen: int = 0
    created: int = 0
    updated: int = 0
    invalid: int = 0
    failed: int = 0
    created_ids: Sequence[int] = ()
    updated_ids: Sequence[int] = ()
    problems: Sequence[Problem] = ()

    def __add__(self, other: Counts) -> Counts:
        return Counts(
            self.seen + other.seen,
            self.created + other.created,
            self.updated + other.updated,
            self.invalid + other.invalid,
            self.failed + other.failed,
            [*self.created_ids, *other.created_ids],
            [*self.updated_ids, *other.updated_ids],
            [*self.problems, *other.problems],
        )
