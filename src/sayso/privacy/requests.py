"""Opening requests, and how they stand. The one writer of ``privacy_request`` besides the worker that carries them out."""

from __future__ import annotations

import secrets
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from django.db import connection
from django.utils import timezone

from sayso.events.models import Event
from sayso.shops.models import Shop

from .models import PrivacyRequest
from .people import Named

CLOCK = timedelta(days=30)
"""Shopify, *Privacy law compliance*; GDPR Art. 12(3) allows a month."""
AFTER_UNINSTALL = timedelta(days=30)
"""Features §7.1: a shop's data outlive ``app/uninstalled`` that long, should ``shop/redact`` not come before."""
BELL = "sayso_privacy"
LOCK = 5_173_011  # of the advisory locks: one writer of requests a shop

Kind, Status, Origin = PrivacyRequest.Kind, PrivacyRequest.Status, PrivacyRequest.Origin


@dataclass(frozen=True, slots=True)
class Asking:
    """One thing that is asked for."""

    kind: PrivacyRequest.Kind
    named: Named = field(default_factory=Named)
    contact_ids: Sequence[int] = ()
    reference: str = ""
    received_at: datetime | None = None


def open_all(
    shop_id: int,
    asked: Iterable[Asking],
    *,
    origin: PrivacyRequest.Origin,
    actor_kind: str = "system",
    actor_id: str = "",
) -> list[PrivacyRequest]:
    """Write requests down, in the caller's transaction of the shop, and wake the worker. What has the reference of a
    request that is there already is that request; only new ones are answered."""
    now = timezone.now()
    _one_at_a_time(shop_id)
    before = _newest_id()
    made = [
        PrivacyRequest(
            shop_id=shop_id, kind=one.kind, origin=origin, reference=one.reference[:160],
            subject=one.named.to_json() if one.named else None, contact_ids=list(one.contact_ids),
            received_at=one.received_at or now, due_at=(one.received_at or now) + CLOCK,
            actor_kind=actor_kind, actor_id=actor_id,
        )
        for one in asked
    ]  # fmt: skip
    PrivacyRequest.objects.bulk_create(made, ignore_conflicts=True)
    if not made:
        return []
    fresh = list(
        PrivacyRequest.objects.filter(
            pk__gt=before, kind__in={one.kind for one in made}, reference__in={one.reference for one in made}
        ).order_by("pk")
    )
    ring()
    Event.objects.bulk_create(
        Event(
            shop_id=shop_id, kind="privacy.requested", occurred_at=one.received_at, actor_kind=actor_kind,
            actor_id=actor_id, origin=origin, contact_id=one.contact_ids[0] if len(one.contact_ids) == 1 else None,
            data={"request": one.pk, "kind": one.kind},
        )
        for one in fresh
    )  # fmt: skip
    return fresh


def _one_at_a_time(shop_id: int) -> None:
    """Until the end of the transaction: what has a higher number than the newest is then our own, and nobody is handed the
    request, and so the package, of somebody else who asked at the same moment."""
    with connection.cursor() as cursor:
        cursor.execute("select pg_advisory_xact_lock(%s, hashint8(%s))", [LOCK, shop_id])


def _newest_id() -> int:
    return PrivacyRequest.objects.order_by("-pk").values_list("pk", flat=True).first() or 0


def ring() -> None:
    """Wake the worker when this transaction commits."""
    with connection.cursor() as cursor:
        cursor.execute("select pg_notify(%s, '')", [BELL])


def erase_shop_on(
    shop: Shop, when: datetime, *, origin: PrivacyRequest.Origin, reference: str = "", **actor: str
) -> PrivacyRequest:
    """Have the shop erased at ``when``, or earlier where somebody asked for that already. One open request a shop.

    A shop that is installed is not erased by a message: the request is held until the owner says so.
    """
    held = shop.status == Shop.Status.ACTIVE
    now = timezone.now()
    note = "The app is installed in the store: confirm the erasure, or decline it." if held else ""
    request = (
        PrivacyRequest.objects.select_for_update().filter(kind=Kind.SHOP_REDACT).exclude(status=Status.DONE).first()
    )
    if request is None:
        [request] = open_all(shop.pk, [Asking(Kind.SHOP_REDACT, reference=reference)], origin=origin, **actor) or [
            PrivacyRequest.objects.filter(kind=Kind.SHOP_REDACT, reference=reference).latest("pk")
        ]
        if request.status == Status.DONE:  # the same message again, after it was dealt with
            return request
        request.not_before, request.held, request.note = when, held, note
        request.subject = {"certificate": secrets.token_urlsafe(32)}  # known before, for who asks may be gone after
    else:
        # Planned twice by ourselves: the app was back in the store in between.
        planned_again = origin == request.origin == Origin.SYSTEM
        request.not_before = (max if planned_again else min)(request.not_before, when)
        if origin != Origin.SYSTEM:
            request.origin, request.held, request.note = origin, held, note
            request.received_at, request.due_at = now, now + CLOCK
    request.status = Status.RECEIVED
    request.save()
    ring()
    return request


def confirm(request: PrivacyRequest, *, actor_id: str) -> None:
    """The owner says that a held request is to be carried out now."""
    _decided(request, "confirm", actor_id)
    PrivacyRequest.objects.filter(pk=request.pk).update(
        held=False, note="", not_before=timezone.now(), status=Status.RECEIVED
    )
    ring()


def decline(request: PrivacyRequest, reason: str, *, actor_id: str) -> None:
    """The request is not carried out, and the log says why."""
    _decided(request, "decline", actor_id)
    PrivacyRequest.objects.filter(pk=request.pk).update(
        status=Status.DONE, done_at=timezone.now(), held=False, subject=None, note=reason[:500], leased_until=None
    )


def again(request: PrivacyRequest, *, actor_id: str) -> None:
    """Try a failed request again."""
    _decided(request, "again", actor_id)
    PrivacyRequest.objects.filter(pk=request.pk, status=Status.FAILED).update(
        status=Status.RECEIVED, attempts=0, error="", not_before=timezone.now(), leased_until=None
    )
    ring()


def _decided(request: PrivacyRequest, decision: str, actor_id: str) -> None:
    Event.objects.create(
        shop_id=request.shop_id, kind="privacy.decided", occurred_at=timezone.now(), actor_kind="staff", actor_id=actor_id,
        origin="privacy", data={"request": request.pk, "decision": decision},
    )  # fmt: skip
