"""The report of a run, written chunk by chunk in the transaction that applies the chunk.

A chunk that the database refuses is halved until the object is found that is to blame: one bad value costs one object.
A dry run applies each chunk as an import does and takes it back at once, so that what it says comes from the very rules
the import follows; only what a chunk would see of the chunks before it is missing.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from typing import Any

from django.db import DataError, IntegrityError, connection, transaction

from sayso.contacts.models import Contact
from sayso.intake.failure import describe

from ..conflicts import is_conflict
from .counts import Counts, Problem
from .kinds import Kind

LONGEST_DETAIL = 200
_GID = re.compile(rb"gid://shopify/[A-Za-z]+/(\d{1,20})")


@dataclass(frozen=True, slots=True)
class Done:
    """What one chunk did. ``consent`` rows: channel, from, to, outcome, refusal, number."""

    counts: Counts
    consent: Sequence[Sequence[Any]] = ()


def unreadable(line: bytes, reason: str) -> Problem:
    """What is told of a line that cannot be read: the id it begins with, and what is wrong; no values."""
    found = _GID.search(line[:4_096])
    return Problem("UNREADABLE", found[1].decode() if found else "", detail=_told(ValueError(reason)))


def carry_out(kind: Kind, items: Sequence[Any], *, dry: bool = False) -> Done:
    """Apply the objects of a chunk in the caller's transaction, those that cannot be read left out; ``dry``: and take
    it all back. Raises what the database raises where nothing of the chunk is to blame."""
    problems = [item for item in items if isinstance(item, Problem)]
    good = [item for item in items if not isinstance(item, Problem)] if problems else items
    done = _carry_out(kind, good, dry) if good else Done(Counts())
    if problems:
        done = replace(done, counts=done.counts + _failed(problems))
    return done


def _carry_out(kind: Kind, items: Sequence[Any], dry: bool) -> Done:
    try:
        with transaction.atomic():
            before = _newest_entry()
            counts = kind.apply(list(items))
            consent, refused = _consent_since(before)
            counts = replace(counts, problems=[*counts.problems, *refused])
            if dry:
                counts = _by_shopify_id(kind, counts)
                transaction.set_rollback(True)
        return Done(counts, consent)
    except (DataError, IntegrityError, ValueError, OverflowError) as error:
        if is_conflict(error):
            raise
        if len(items) == 1:
            return Done(_failed([Problem("REFUSED_VALUE", _reference(items[0]), detail=_told(error))]))
    half = len(items) // 2
    first, second = _carry_out(kind, items[:half], dry), _carry_out(kind, items[half:], dry)
    return Done(first.counts + second.counts, [*first.consent, *second.consent])


def _failed(problems: Sequence[Problem]) -> Counts:
    return Counts(seen=len(problems), failed=len(problems), problems=problems)


def _told(error: Exception) -> str:
    return describe(error)[:LONGEST_DETAIL]


def _reference(item: Any) -> str:
    """Shopify's id of what a kind's reader made of a line; of a catalogue's line that of its product or collection."""
    for inner in ("products", "collections"):
        item = next(iter(getattr(item, inner, ())), item)
    names = ("id", "shopify_order_id", "shopify_product_id", "shopify_collection_id")
    found = next((value for name in names if (value := getattr(item, name, None))), "")
    return str(found).rpartition("/")[2]


def _newest_entry() -> int:
    with connection.cursor() as cursor:
        cursor.execute("select sync_newest_entry()")
        return cursor.fetchone()[0]


def _consent_since(before: int) -> tuple[list[tuple], list[Problem]]:
    """What this transaction recorded in the ledger: how often what, and who was refused."""
    with connection.cursor() as cursor:
        cursor.execute("select channel, was, is_now, outcome, refusal, number, refused from sync_consent(%s)", [before])
        rows = cursor.fetchall()
    problems = [
        Problem("CONSENT_REFUSED", contact_id=contact_id, detail=f"{channel}: {refusal}")
        for channel, _, _, _, refusal, _, refused in rows
        for contact_id in refused or ()
    ]
    return [row[:6] for row in rows], problems


def _by_shopify_id(kind: Kind, counts: Counts) -> Counts:
    """Counts with Shopify's ids instead of ours, which are about to be taken back."""
    if kind.lists != "contacts":
        return replace(counts, problems=[replace(one, contact_id=None) for one in counts.problems])
    made = set(counts.created_ids)
    named = made | set(counts.updated_ids) | {one.contact_id for one in counts.problems if one.contact_id}
    found = Contact.objects.filter(pk__in=named).values_list("pk", "shopify_customer_id")
    known = {pk: customer_id for pk, customer_id in found if customer_id}
    return replace(
        counts,
        created_ids=[known[pk] for pk in counts.created_ids if pk in known],
        updated_ids=[known[pk] for pk in counts.updated_ids if pk in known],
        problems=[
            replace(
                one,
                reference=one.reference or str(known.get(one.contact_id or 0, "")),
                contact_id=None if one.contact_id in made else one.contact_id,
            )
            for one in counts.problems
        ],
    )


KEEP = """
with kept as (
    insert into sync_chunk (shop_id, run_id, created_ids, updated_ids, problems, consent)
    select current_shop(), %(run)s, %(created)s::bigint[], %(updated)s::bigint[], %(problems)s::jsonb, %(consent)s::jsonb
    where %(created)s <> '{}' or %(updated)s <> '{}' or %(problems)s <> '[]' or %(consent)s <> '[]'
)
update sync_run set position = %(position)s, seen = seen + %(n_seen)s, created = created + %(n_created)s,
    updated = updated + %(n_updated)s, invalid = invalid + %(n_invalid)s, failed = failed + %(n_failed)s,
    worked = worked + least(extract(epoch from clock_timestamp() - heartbeat_at), 60), heartbeat_at = clock_timestamp()
where shop_id = current_shop() and id = %(run)s
"""


def keep(run_id: int, done: Done, *, position: int) -> None:
    """Write down a chunk's part of the report and the offset behind it, in the caller's transaction."""
    counts = done.counts
    problems = [[one.code, one.reference, one.contact_id, one.detail] for one in counts.problems]
    with connection.cursor() as cursor:
        cursor.execute(
            KEEP,
            {
                "run": run_id,
                "position": position,
                "created": _array(counts.created_ids),
                "updated": _array(counts.updated_ids),
                "problems": json.dumps(problems) if problems else "[]",
                "consent": json.dumps(list(done.consent)) if done.consent else "[]",
                "n_seen": counts.seen,
                "n_created": counts.created,
                "n_updated": counts.updated,
                "n_invalid": counts.invalid,
                "n_failed": counts.failed,
            },
        )


def _array(ids: Iterable[int]) -> str:
    """As text: adapting 5,000 numbers one by one takes longer than storing them."""
    return "{" + ",".join(map(str, ids)) + "}"
