"""The door through which every message leaves: recipients go through the gate and become rows; the dispatcher does the
rest. Nothing else makes outgoing messages."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from django.db import connection

from .models import Template

Mapping = list[dict[str, Any]]
"""``[{"initialValue": "{{1}}", "selectedValue": "customer.first_name", "fallback": "there"}]``"""

mappings: dict[str, Callable[[int], Mapping]] = {}
"""Origin → how its template's variables are filled, by origin id. Rooms below add theirs when Django starts."""


@dataclass(frozen=True, slots=True)
class Queued:
    queued: int
    skipped: int


def queue(
    contacts: Sequence[int],
    *,
    origin: str,
    origin_id: int,
    template: Template,
    sender_id: int,
    channel: str = "whatsapp",
    topic: str | None = None,
) -> Queued:
    """Queue a template for a chunk of contacts (at most 25,000) of the current shop.

    Whoever may not be messaged, or shares an address with somebody who is, becomes a row of ``message_skip``. Calling it
    again for the same origin messages nobody twice.
    """
    with connection.cursor() as cursor:
        cursor.execute(
            "select queued, skipped from message_queue(%s, %s, %s, %s, %s, %s, %s)",
            [list(contacts), channel, origin, origin_id, template.pk, sender_id, topic],
        )
        return Queued(*cursor.fetchone())
