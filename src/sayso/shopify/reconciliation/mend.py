"""Mending what differs, and writing down what it was, in one transaction.

Things are read again by id after what is held of them was noted, so an answer is newer than all of that. What the live
sync touched meanwhile, or is about to touch because a delivery waits, is left to it.
"""

from __future__ import annotations

import logging
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

import msgspec
from django.db.models import F
from django.utils import timezone

from sayso.contacts.compare import Compared, Difference
from sayso.intake.failure import describe
from sayso.intake.models import Delivery
from sayso.shops.tenancy import shop_context

from ..conflicts import in_shop_apart
from ..connection.client import ShopifyError
from ..connection.tokens import Store
from ..models import Refetch, SyncDrift, SyncRun, SyncStep
from ..reading.kinds import KINDS
from .drift_fields import CONSENT_TOPICS, shown
from .kinds import Subject

log = logging.getLogger(__name__)

SETTLE = timedelta(minutes=1)
"""What changed at the store within this time is mended but no finding: its delivery may be on the way."""

TRIED_OFTEN = 3
"""A reading that failed so often does not excuse a difference any more."""

Pictures = Mapping[int, Sequence[Any]]
"""Shopify id → what a reading of it gave, as ``apply`` takes it."""


@dataclass(frozen=True, slots=True)
class Work:
    """The step that findings belong to."""

    shop_id: int
    run_id: int
    step_id: int
    subject: Subject
    settle: timedelta = SETTLE


@dataclass(slots=True)
class Found:
    """What a comparison came to: the rows of the report, and how many things they are about."""

    rows: list[SyncDrift] = field(default_factory=list)
    missing: int = 0
    stale: int = 0
    mended: int = 0


def read_again(store: Store, work: Work, ids: Sequence[int], *, just_listed: bool = False) -> None:
    """Read things by id, mend what differs, and what the store does not know any more. Each call of the store is one
    transaction of its own. Raises what the store's calls raise.

    ``just_listed``: the store named them a moment ago. One that it does not find then contradicts itself, and is let be: if
    it is gone, the counts differ, and everything is compared.
    """
    kind = KINDS[work.subject.thing]
    for start in range(0, len(ids), kind.a_call):
        batch = ids[start : start + kind.a_call]
        with shop_context(work.shop_id):
            before = work.subject.held(batch)
            known = kind.known(batch)
        wanted = {**kind.variables, "ids": [f"gid://shopify/{kind.type}/{number}" for number in batch]}
        nodes = store.graphql.run(kind.document, wanted).get("nodes")
        if not isinstance(nodes, list) or len(nodes) != len(batch):
            raise ShopifyError("BAD_ANSWER", f"the store did not answer for every {kind.name}")
        pictures: dict[int, Sequence[Any]] = {}
        vanished: dict[int, Sequence[Any]] = {}
        for number, node in zip(batch, nodes, strict=True):
            held = known.get(number)
            if node is None:
                if number in before and not just_listed:
                    vanished[number] = kind.gone(number, held)
                continue
            try:
                pictures[number] = kind.readings(store, node, held)
            except (msgspec.ValidationError, ValueError) as error:
                log.warning("%s %d of shop %d cannot be read: %s", kind.name, number, work.shop_id, error)
        _mend_apart(work, pictures, vanished, before)


def _mend_apart(work: Work, pictures: Pictures, vanished: Pictures, before: Mapping[int, Compared]) -> None:
    """Together; where one of them cannot be stored, each by itself, and that one is told of as not mended."""

    def mend(ids: Sequence[int]) -> None:
        named = set(ids)
        _mend(work, _of(pictures, named), _of(vanished, named), before)

    def refused(number: int, error: Exception) -> None:
        log.warning("%s %d of shop %d cannot be stored: %s", work.subject.thing, number, work.shop_id, describe(error))
        with shop_context(work.shop_id):
            record(work, _not_mended(work, number, before.get(number), gone=number in vanished))

    if ids := [*pictures, *vanished]:
        in_shop_apart(work.shop_id, ids, mend, refused)


def _of(pictures: Pictures, ids: set[int]) -> Pictures:
    return {number: found for number, found in pictures.items() if number in ids}


def _not_mended(work: Work, number: int, held: Compared | None, *, gone: bool) -> Found:
    subject, what = work.subject, SyncDrift.What
    kind, topic = (
        (what.EXTRA, subject.removed)
        if gone
        else (what.STALE, subject.topic(Difference("", None, None)))
        if held
        else (what.MISSING, subject.made)
    )
    row = _row(work, number, held.contact_id if held else None, kind, topic=topic, mended=False)
    missing = int(kind == what.MISSING)
    return Found([row], missing=missing, stale=1 - missing)


def _mend(work: Work, pictures: Pictures, vanished: Pictures, before: Mapping[int, Compared]) -> None:
    subject, kind = work.subject, KINDS[work.subject.thing]
    now = subject.held([*pictures, *vanished])

    def untouched(number: int) -> bool:
        return (now[number].touched if number in now else None) == (
            before[number].touched if number in before else None
        )

    wholes = {number: subject.whole(found) for number, found in pictures.items()}
    compared = dict(zip(wholes, subject.compare(list(wholes.values())), strict=True))
    wrong = {number: found for number, found in compared.items() if differs(found) and untouched(number)}
    extra = [number for number in vanished if not now[number].gone and untouched(number)]
    live = being_told(work, {number: wholes.get(number) for number in (*wrong, *extra)})
    wrong = {number: found for number, found in wrong.items() if number not in live}
    extra = [number for number in extra if number not in live]
    if not wrong and not extra:
        return
    if extra and subject.remove is not None:  # first: it waits until it is alone
        subject.remove(work.shop_id, extra)
    kind.apply([one for number in wrong for one in pictures[number]])
    kind.apply([one for number in extra for one in vanished[number]])
    kind.then([*wrong, *extra])
    again = dict(zip(wrong, subject.compare([wholes[number] for number in wrong]), strict=True))
    left = subject.held(extra)
    found = findings(work, wrong, again, {number: subject.at_of(wholes[number]) for number in wrong})
    for number in extra:
        removed = number not in left or left[number].gone
        found.mended += removed
        found.rows.append(
            _row(work, number, now[number].contact_id, SyncDrift.What.EXTRA, topic=subject.removed, mended=removed)
        )
    record(work, found, extra=len(extra))


def differs(found: Compared) -> bool:
    """Whether there is something to mend."""
    return not found.gone and (not found.held or bool(found.differences))


def being_told(work: Work, wholes: Mapping[int, Any]) -> set[int]:
    """Of which of these a delivery waits, or another reading is due. ``wholes``: id → picture, None for no more."""
    if not wholes:
        return set()
    keys = {number: set(work.subject.fold_keys(number, whole)) for number, whole in wholes.items()}
    waiting = set(
        Delivery.objects.filter(
            shop_id=work.shop_id, state=Delivery.State.NEW, fold_key__in=list(set().union(*keys.values()))
        ).values_list("fold_key", flat=True)
    )
    due = Refetch.objects.filter(kind=work.subject.thing, shopify_id__in=list(wholes), attempts__lt=TRIED_OFTEN)
    return {number for number, own in keys.items() if own & waiting} | set(due.values_list("shopify_id", flat=True))


def findings(
    work: Work, wrong: Mapping[int, Compared], again: Mapping[int, Compared], at: Mapping[int, datetime | None]
) -> Found:
    """What to write down: of each thing how it differed, how it does after mending, and its time at the store."""
    found = Found()
    young = timezone.now() - work.settle
    for number, compared in wrong.items():
        changed_at = at[number]
        if work.settle and changed_at is not None and changed_at > young:
            continue
        lost = [difference for difference in compared.differences if not difference.untold]
        if compared.held and not lost:
            continue
        left = {difference.field for difference in again[number].differences}
        contact_id = again[number].contact_id
        found.mended += again[number].held and not left
        if not compared.held:
            found.missing += 1
            found.rows.append(
                _row(
                    work, number, contact_id, SyncDrift.What.MISSING, topic=work.subject.made, changed_at=changed_at,
                    mended=again[number].held,
                )
            )  # fmt: skip
            continue
        found.stale += 1
        for difference in lost:
            what = SyncDrift.What.CONSENT if difference.field in CONSENT_TOPICS else SyncDrift.What.STALE
            held, told = shown(difference)
            found.rows.append(
                _row(
                    work, number, contact_id, what, topic=work.subject.topic(difference), changed_at=changed_at,
                    field=difference.field, held=held, told=told, mended=difference.field not in left,
                )
            )  # fmt: skip
    return found


def _row(work: Work, number: int, contact_id: int | None, what: str, **fields: Any) -> SyncDrift:
    return SyncDrift(
        shop_id=work.shop_id,
        run_id=work.run_id,
        kind=work.subject.name,
        what=what,
        shopify_id=number,
        contact_id=contact_id,
        **fields,
    )


def record(work: Work, found: Found, *, extra: int = 0) -> None:
    """Write findings into the report, and count them in the step and the run."""
    if not found.rows:
        return
    SyncDrift.objects.bulk_create(found.rows)
    SyncStep.objects.filter(pk=work.step_id).update(
        drifted=F("drifted") + found.missing + found.stale + extra, mended=F("mended") + found.mended
    )
    SyncRun.objects.filter(pk=work.run_id).update(
        created=F("created") + found.missing, updated=F("updated") + found.stale, heartbeat_at=timezone.now()
    )
