"""Who of an audience may be messaged, and why the others may not. The rule itself is ``sql/20_gate.sql``."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass

from django.db import connection

from sayso.audience.selection import Audience, where


@dataclass(frozen=True, slots=True)
class Reach:
    """``audience`` = ``sendable`` + the sum of ``left_out``, always."""

    audience: int
    sendable: int
    left_out: list[tuple[str, int]]  # (code of sayso.messaging.codes, contacts), most frequent first


def purpose_of(category: str | None, origin: str) -> str | None:
    """What a message is for; the database derives the same and refuses another claim."""
    with connection.cursor() as cursor:
        cursor.execute("select message_purpose(%s, %s)", [category, origin])
        return cursor.fetchone()[0]


def reach(audience: Audience, *, channel: str, purpose: str, topic: str | None = None) -> Reach:
    """Count the current shop's audience through the gate, exactly, as a send would find it now.

    Raises :class:`sayso.audience.selection.BadAudience`.
    """
    condition, parameters = where(audience)
    with connection.cursor() as cursor:
        cursor.execute(
            f"""with gated as (
                select g.code, row_number() over (partition by g.code is null, g.address_key order by g.contact_id) as nth
                from message_gate(%s, %s, array(select c.id from contact c where {condition}), %s) g
            )
            select case when code is null and nth > 1 then 'CUSTOMER_SHARES_ADDRESS' else code end, count(*)
            from gated group by 1""",  # noqa: S608 (the condition is ours, its values are parameters)
            [channel, purpose, *parameters, topic],
        )
        counts = Counter(dict(cursor.fetchall()))
    sendable = counts.pop(None, 0)
    return Reach(sendable + counts.total(), sendable, counts.most_common())
