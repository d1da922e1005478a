"""What a source says of its segments, in the form that :mod:`.assign` takes. Every fact carries its own time."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime


@dataclass(frozen=True, slots=True)
class SegmentFact:
    """A segment existed at ``seen_at``. With a name: it was called so from ``at`` on; ``sequence`` (microseconds of
    when it was told or read) breaks ties, because editing times come in whole seconds."""

    segment_id: int
    seen_at: datetime
    name: str | None = None
    query: str | None = None
    at: datetime | None = None
    sequence: int = 0


@dataclass(frozen=True, slots=True)
class GoneFact:
    """A segment was deleted before ``at``."""

    segment_id: int
    at: datetime


@dataclass(frozen=True, slots=True)
class MemberFact:
    """A customer joined a segment at ``at``, or left it."""

    segment_id: int
    customer_id: int
    joined: bool
    at: datetime
