"""Reading the report of a run: what was wrong with how many, what became of consent, and whole lists as CSV rows."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from django.db import connection

from sayso.commerce.models import Order
from sayso.contacts.models import Contact
from sayso.intake.models import Freshness
from sayso.shops.tenancy import shop_context

from ..models import SyncChunk, SyncRun
from .counts import FAILED, PROBLEMS
from .kinds import KINDS

SAMPLES = 5
LISTS = ("new", "updated", "invalid")
CONTACT_HEADING = ("contact", "shopify_customer_id", "first_name", "last_name", "email", "phone")
ORDER_HEADING = ("shopify_order_id", "name", "placed_at", "total", "currency", "contact")
PROBLEM_HEADING = ("problem", "what_became_of_it", "shopify_id", "contact", "detail")

# Of each kind of problem: how many, and the first few as they stand in the rows of the report.
TALLY = """
select code, number, samples from (
    select p.one ->> 0 as code, count(*) as number,
        (jsonb_agg(p.one order by p.chunk, p.place))::jsonb as told
    from (select c.id as chunk, e.place, e.one from sync_chunk c
        cross join lateral jsonb_array_elements(c.problems) with ordinality e (one, place)
        where c.run_id = %s and c.problems <> '[]') p
    group by 1
) t cross join lateral (
    select jsonb_agg(s.one order by s.place) as samples
    from jsonb_array_elements(t.told) with ordinality s (one, place) where s.place <= %s
) s order by number desc, code
"""
CONSENT = """
select e.one ->> 0, e.one ->> 1, e.one ->> 2, e.one ->> 3, e.one ->> 4, sum((e.one ->> 5)::bigint)::bigint
from sync_chunk c cross join lateral jsonb_array_elements(c.consent) e (one)
where c.run_id = %s and c.consent <> '[]' group by 1, 2, 3, 4, 5 order by 1, 6 desc, 2, 3, 5
"""


@dataclass(frozen=True, slots=True)
class Sample:
    reference: str
    contact_id: int | None
    detail: str


@dataclass(frozen=True, slots=True)
class Tally:
    """One kind of problem in a run."""

    code: str
    number: int
    samples: Sequence[Sample]

    @property
    def outcome(self) -> str:
        return PROBLEMS.get(self.code, FAILED)


@dataclass(frozen=True, slots=True)
class Said:
    """How often consent on a channel went from one state to another, or was refused, in a run."""

    channel: str
    was: str
    is_now: str
    outcome: str
    refusal: str
    number: int


def problems(run_id: int) -> list[Tally]:
    """What was wrong, the most frequent first, each with its first few objects. Needs the shop's transaction."""
    with connection.cursor() as cursor:
        cursor.execute(TALLY, [run_id, SAMPLES])
        rows = cursor.fetchall()
    return [
        Tally(code, number, [Sample(*one[1:4]) for one in (json.loads(told) if isinstance(told, str) else told)])
        for code, number, told in rows
    ]


def consent(run_id: int) -> list[Said]:
    """What became of consent, by channel. Needs the shop's transaction."""
    with connection.cursor() as cursor:
        cursor.execute(CONSENT, [run_id])
        return [Said(*row) for row in cursor.fetchall()]


def delivered(run: SyncRun, zone: str) -> tuple[int, int]:
    """How many deliveries came on the day of a live run, and how many of them are parked. Needs its transaction."""
    with connection.cursor() as cursor:
        cursor.execute(
            f"""select coalesce(sum(deliveries), 0), coalesce(sum(parked), 0) from {Freshness._meta.db_table}
            where shop_id = current_shop() and provider = 'shopify' and at >= %(day)s::timestamp at time zone %(zone)s
            and at < (%(day)s::date + 1)::timestamp at time zone %(zone)s""",  # noqa: S608 (our own table)
            {"day": run.day, "zone": zone},
        )
        return cursor.fetchone()


def lists(run: SyncRun) -> str:
    """What the ids in the report of a run are: ``contacts``, ``customers`` (Shopify's ids) or ``orders``; "" for none."""
    if run.trigger == SyncRun.Trigger.LIVE:
        return "contacts"
    kind = KINDS.get(run.kind)
    if kind is None or not kind.lists:
        return ""
    return "customers" if run.trigger == SyncRun.Trigger.DRY_RUN and kind.lists == "contacts" else kind.lists


def rows(shop_id: int, run: SyncRun, which: str) -> Iterator[Sequence[object]]:
    """A list of :data:`LISTS`, heading first, streamed in a transaction of its own; a chunk in memory at a time."""
    what = lists(run)
    if which == "invalid":
        yield PROBLEM_HEADING
    else:
        yield ORDER_HEADING if what == "orders" else CONTACT_HEADING
    with shop_context(shop_id):
        chunks = SyncChunk.objects.filter(run_id=run.pk).order_by("pk")
        if which == "invalid":
            for problems in chunks.exclude(problems=[]).values_list("problems", flat=True).iterator(20):
                for code, reference, contact_id, detail in problems:
                    yield code, PROBLEMS.get(code, FAILED), reference, contact_id or "", detail
            return
        column = "created_ids" if which == "new" else "updated_ids"
        for ids in chunks.exclude(**{column: []}).values_list(column, flat=True).iterator(20):
            yield from _objects(what, ids)


def _objects(what: str, ids: Sequence[int]) -> Iterator[Sequence[object]]:
    """One chunk of a list, in its order. What is gone meanwhile stands there with its number alone."""
    held: dict[int, Sequence[object]]
    if what == "orders":
        columns = ("shopify_order_id", "name", "placed_at", "total", "currency", "contact_id")
        held = {row[0]: row for row in Order.objects.filter(shopify_order_id__in=ids).values_list(*columns)}
        empty = ("",) * (len(ORDER_HEADING) - 1)
        yield from (held.get(one, (one, *empty)) for one in ids)
        return
    columns = ("pk", "shopify_customer_id", "first_name", "last_name", "email", "phone")
    if what == "customers":
        found = Contact.objects.filter(shopify_customer_id__in=ids).values_list(*columns)
        held = {row[1]: row for row in found if row[1] is not None}
        yield from (held.get(one, ("", one, "", "", "", "")) for one in ids)
    else:
        held = {row[0]: row for row in Contact.objects.filter(pk__in=ids).values_list(*columns)}
        yield from (held.get(one, (one, "", "", "", "", "")) for one in ids)
