"""Carrying requests out: one loop a worker. A request is claimed for the time of a lease; a worker that dies leaves it to
the next one, and everything a request does can be begun again."""

from __future__ import annotations

import logging
import random
import threading
from collections.abc import Callable
from datetime import timedelta

from django.db import InterfaceError, OperationalError, connection, transaction
from django.utils import timezone

from sayso.events.listen import Bell
from sayso.events.models import Event
from sayso.intake.failure import describe
from sayso.shops.tenancy import shop_context

from . import access, erase, redact
from .models import PrivacyRequest
from .requests import BELL, Kind, Status

log = logging.getLogger(__name__)

POLL = 5.0  # seconds; requests that wait become due without a ring
LEASE = timedelta(minutes=10)
ATTEMPTS = 8
FIRST_DELAY = 30.0  # seconds; doubled at each further attempt: an hour in all


def run(stop: threading.Event) -> None:
    """Carry out what is due until ``stop`` is set. Any number of workers may run this at once."""
    try:
        with Bell(BELL) as bell:
            while not stop.is_set():
                for shop_id, request_id in due():
                    if not stop.is_set():
                        carry_out(shop_id, request_id, should_stop=stop.is_set)
                bell.wait(POLL)
    finally:
        connection.close()


def due() -> list[tuple[int, int]]:
    with connection.cursor() as cursor:
        cursor.execute("select shop_id, request_id from due_privacy_requests()")
        return cursor.fetchall()


def all_due() -> int:
    """Carry out all that is due, for commands and tests. Answers how many."""
    total = 0
    while found := due():
        total += sum(carry_out(shop_id, request_id) for shop_id, request_id in found)
    return total


def carry_out(shop_id: int, request_id: int, *, should_stop: Callable[[], bool] = lambda: False) -> bool:
    """Carry one request out, unless another worker is at it; whether it was taken.

    What goes wrong is written into the request, which is tried again later and is FAILED after the last time. Raises
    only what says that the database is gone.
    """
    with shop_context(shop_id):
        request = _claim(request_id)
    if request is None:
        return False
    try:
        if request.kind == Kind.SHOP_REDACT:
            erase.carry_out(request, lease=LEASE, should_stop=should_stop)
        else:
            with shop_context(shop_id):
                _person(request)
    except (OperationalError, InterfaceError):
        raise  # the lease runs out, and the request is taken again
    except erase.Stopped:
        with shop_context(shop_id):
            PrivacyRequest.objects.filter(pk=request_id).update(leased_until=None)
    except Exception as error:
        log.exception("privacy request %d of shop %d", request_id, shop_id)
        with shop_context(shop_id):
            _failed(request, error)
    return True


def _claim(request_id: int) -> PrivacyRequest | None:
    now = timezone.now()
    request = (
        PrivacyRequest.objects.select_for_update(skip_locked=True)
        .filter(pk=request_id, status__in=[Status.RECEIVED, Status.IN_PROGRESS], held=False, not_before__lte=now)
        .first()
    )
    if request is None or (request.leased_until and request.leased_until > now):
        return None
    request.status, request.attempts = Status.IN_PROGRESS, min(request.attempts + 1, 30_000)
    request.leased_until = now + LEASE
    request.started_at = request.started_at or now
    request.save(update_fields=["status", "attempts", "leased_until", "started_at"])
    return request


def _person(request: PrivacyRequest) -> None:
    if request.kind == Kind.REDACT:
        request.counts = redact.carry_out(request)
    else:
        request.counts = access.carry_out(request)
    request.status, request.done_at, request.leased_until, request.error = Status.DONE, timezone.now(), None, ""
    request.subject = None  # what is found is found: who it is says contact_ids
    request.save()
    Event.objects.create(
        shop_id=request.shop_id, kind="privacy.done", occurred_at=request.done_at, actor_kind="system", origin="privacy",
        data={"request": request.pk, "kind": request.kind, "counts": request.counts},
    )  # fmt: skip
    with connection.cursor() as cursor:
        cursor.execute(
            "select pg_notify('sayso_live', json_build_object('shop', %s, 'privacy', true)::text)", [request.shop_id]
        )


def _failed(request: PrivacyRequest, error: Exception) -> None:
    delay = FIRST_DELAY * 2.0 ** (request.attempts - 1) * random.uniform(0.8, 1.2)  # noqa: S311 (jitter)
    last = request.attempts >= ATTEMPTS
    with transaction.atomic():
        PrivacyRequest.objects.filter(pk=request.pk).update(
            status=Status.FAILED if last else Status.RECEIVED,
            error=describe(error)[:500],
            leased_until=None,
            not_before=timezone.now() + timedelta(seconds=delay),
        )
