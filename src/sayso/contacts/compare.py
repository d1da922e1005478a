"""In what contacts differ from what a source says now, without writing anything (features §8.8)."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from django.db import connection

from sayso.shops import staging

from .apply import COLUMNS, current_shop, staged_line
from .changes import ContactChange


@dataclass(frozen=True, slots=True)
class Difference:
    """A field of which we hold something else than the source tells; both as text, None for nothing. ``untold``: it is one
    that the source tells only when asked, so that no message of it can have been lost."""

    field: str
    held: str | None
    told: str | None
    untold: bool = False


@dataclass(frozen=True, slots=True)
class Compared:
    """What is held of one thing. ``gone``: deleted or erased here, so nothing is compared. ``touched``: when it was
    written last."""

    held: bool
    contact_id: int | None
    gone: bool = False
    touched: datetime | None = None
    differences: tuple[Difference, ...] = ()


def compare(changes: Sequence[ContactChange]) -> list[Compared]:
    """Compare whole pictures, each naming a Shopify customer, with the current shop's contacts, in the same order.

    Values are normalised as :func:`.apply.apply` does it. Needs a transaction with a shop; writes nothing but staging.
    """
    if not changes:
        return []
    shop, run = current_shop(), staging.new_run()
    staging.copy_in("contact", COLUMNS, (staged_line(run, seq, change, shop)[0] for seq, change in enumerate(changes)))
    with connection.cursor() as cursor:
        cursor.execute("select contact_id, gone, touched, fields, held, told from contacts_compare(%s)", [run])
        rows = cursor.fetchall()
    staging.drop_run(run, "contact")
    return [_compared(*row) for row in rows]


def _compared(
    contact_id: int | None,
    gone: bool | None,
    touched: datetime | None,
    fields: list[str] | None,
    held: list[str | None],
    told: list[str | None],
) -> Compared:
    found = zip(fields, held, told, strict=True) if fields and not gone else ()
    return Compared(contact_id is not None, contact_id, bool(gone), touched, tuple(Difference(*one) for one in found))
