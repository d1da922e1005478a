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


@dataclass(frozen=True, slots=True)
class Answer:
    """One of sayso's own messages: what a ledger entry is answered with (``sql/18_replies.sql``).

    With ``template_id`` the text is the template's, else ``body`` goes out as it is, which needs an open window. Without
    a sender the answer is not sent, and that is noted.
    """

    ledger_id: int
    contact_id: int
    channel: str
    sender_id: int | None
    body: str | None = None
    template_id: int | None = None


def answer(answers: Sequence[Answer]) -> Queued:
    """Queue answers to ledger entries of the current shop: at most one an entry, whoever asks and however often.

    What an answer is for follows from its entry, and the database refuses every entry that is owed none.
    """
    if not answers:
        return Queued(0, 0)
    with connection.cursor() as cursor:
        cursor.execute(
            "select queued, skipped from message_reply(%s, %s, %s, %s::bigint[], %s::bigint[], %s::text[])",
            [
                [one.ledger_id for one in answers], [one.contact_id for one in answers],
                [one.channel for one in answers], [one.sender_id for one in answers],
                [one.template_id for one in answers], [one.body for one in answers],
            ],
        )  # fmt: skip
        return Queued(*cursor.fetchone())
