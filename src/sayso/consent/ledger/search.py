"""Looking entries up: the one set of filters that the page, the API and the exports share."""

from __future__ import annotations

from dataclasses import dataclass, fields
from datetime import datetime
from typing import Any

from django.db.models import QuerySet

from sayso.consent.models import LedgerEntry


@dataclass(frozen=True)
class Filter:
    """Which entries; empty leaves nothing out. ``since`` and ``until`` bound the time of recording, half open."""

    channel: str = ""
    outcome: str = ""
    event: str = ""
    state: str = ""  # that the entry led to
    source: str = ""
    contact: int | None = None
    since: datetime | None = None
    until: datetime | None = None

    def entries(self) -> QuerySet[LedgerEntry]:
        """Entries of the current shop, in no order yet."""
        wanted: dict[str, Any] = {
            "channel": self.channel,
            "outcome": self.outcome,
            "event": self.event,
            "to_state": self.state,
            "source": self.source,
            "contact_id": self.contact,
            "recorded_at__gte": self.since,
            "recorded_at__lt": self.until,
        }
        return LedgerEntry.objects.filter(**{name: value for name, value in wanted.items() if value not in ("", None)})

    def told(self) -> dict[str, Any]:
        """As it is kept with an export: JSON, without what is empty."""
        said = {one.name: getattr(self, one.name) for one in fields(self)}
        return {
            name: value.isoformat() if isinstance(value, datetime) else value
            for name, value in said.items()
            if value not in ("", None)
        }

    @classmethod
    def read(cls, said: dict[str, Any]) -> Filter:
        """From :meth:`told`; what it does not know is left out."""
        known = {one.name for one in fields(cls)} & said.keys()
        times = {name: datetime.fromisoformat(said[name]) for name in known & {"since", "until"}}
        return cls(**{name: said[name] for name in known} | times)
