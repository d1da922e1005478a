"""Acts of the team that belong into the event log: who gave whom which rights. The log is a room above this one; it puts its
pen in here when Django starts."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

Pen = Callable[[str, str, dict[str, Any]], object]
"""Takes the kind of an event, who acted, and what is to be told of it; writes in the current shop's transaction."""

pens: list[Pen] = []


def tell(kind: str, actor_id: str, **data: Any) -> None:
    """Write down that somebody of the team did something. Needs a transaction with a shop."""
    for write in pens:
        write(kind, actor_id, data)
