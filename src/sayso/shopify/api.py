"""The sync over the REST API: its runs with their reports, the deliveries of the shop, and trying parked ones again."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Any, Literal

from django.utils import timezone
from ninja import Query, Router, Schema
from pydantic import ConfigDict, Field

from sayso.events.models import Event
from sayso.intake import queries as intake
from sayso.intake.replay import replay
from sayso.shops.api import (
    DEFAULT_LIMIT,
    ApiRequest,
    Cursor,
    Id,
    Limit,
    Scope,
    Text,
    invalid,
    missing,
    read_cursor,
    write_cursor,
)

from .importing import report_queries
from .models import SyncRun

router = Router(tags=["Sync"])


class RunOut(Schema):
    id: int
    kind: str = Field(description="`customers`, `orders` …; `live` for a day of live changes.")
    trigger: Literal["initial", "manual", "reconcile", "live", "dry_run"]
    status: Literal["NOT_STARTED", "IN_PROGRESS", "COMPLETE", "ERROR"]
    day: str | None = Field(description="Of a live one: the date in the shop's zone.")
    total: int | None = Field(description="As the store counts them; null while it does not say.")
    seen: int
    created: int
    updated: int
    unchanged: int
    invalid: int = Field(description="Kept, and cannot be reached at all.")
    failed: int = Field(description="Could not be read or kept.")
    error: str
    started_at: datetime
    finished_at: datetime | None


class RunList(Schema):
    items: list[RunOut] = Field(description="Newest first.")
    next_cursor: str | None


class SampleOut(Schema):
    shopify_id: str
    contact_id: int | None
    detail: str


class ProblemOut(Schema):
    code: str
    outcome: Literal["failed", "invalid", "noted"]
    count: int
    samples: list[SampleOut]


class ConsentOut(Schema):
    channel: str
    from_state: str
    to_state: str
    outcome: Literal["ACCEPTED", "NO_CHANGE", "REFUSED"]
    refusal_code: str
    count: int


class ReportOut(RunOut):
    problems: list[ProblemOut]
    consent: list[ConsentOut] = Field(description="What was recorded; of a dry run what would be.")


class DeliveryOut(Schema):
    id: int
    provider: str
    key: str = Field(description="The provider's id of the delivery.")
    topic: str
    state: Literal["NEW", "DONE", "IGNORED", "PARKED"]
    attempts: int
    error: str
    received_at: datetime
    drained_at: datetime | None


class DeliveryList(Schema):
    items: list[DeliveryOut] = Field(description="Newest first, without what they say.")
    next_cursor: str | None


class ReplayIn(Schema):
    """Which parked deliveries: these, or all of a topic; neither means all of the shop."""

    model_config = ConfigDict(extra="forbid")

    delivery_ids: Annotated[list[Id], Field(max_length=1000)] | None = None
    provider: Literal["shopify", "whatsapp"] | None = None
    topic: Annotated[Text, Field(min_length=1, max_length=64)] | None = None


class Replayed(Schema):
    count: int


def run_json(run: SyncRun) -> dict[str, Any]:
    """As :class:`RunOut` describes it."""
    names = ("kind", "trigger", "status", "total", "seen", "created", "updated", "invalid", "failed", "error",
             "started_at", "finished_at")  # fmt: skip
    return {name: getattr(run, name) for name in names} | {
        "id": run.pk,
        "day": run.day.isoformat() if run.day else None,
        "unchanged": run.unchanged,
    }


@router.get(
    "/sync/runs",
    response=RunList,
    auth=Scope("shopify.view"),
    summary="Runs of the sync",
    operation_id="list_sync_runs",
)
def list_runs(
    request: ApiRequest,
    trigger: Annotated[Literal["initial", "manual", "reconcile", "live", "dry_run"] | None, Query()] = None,
    limit: Limit = DEFAULT_LIMIT,
    cursor: Cursor = "",
) -> dict[str, Any]:
    """Imports, reconciliations, dry runs, and a row for each day of live changes; kept a year."""
    position = read_cursor(cursor, int)
    rows = SyncRun.objects.order_by("-pk")
    if trigger:
        rows = rows.filter(trigger=trigger)
    if position:
        rows = rows.filter(pk__lt=position[0])
    found = list(rows[: limit + 1])
    more, found = len(found) > limit, found[:limit]
    return {"items": [run_json(run) for run in found], "next_cursor": write_cursor(found[-1].pk) if more else None}


@router.get(
    "/sync/runs/{run_id}", response=ReportOut, auth=Scope("shopify.view"), summary="The report of a run",
    operation_id="get_sync_run",
)  # fmt: skip
def get_run(request: ApiRequest, run_id: Id) -> dict[str, Any]:
    """Its counts, the kinds of problems with samples, and what became of consent."""
    run = SyncRun.objects.filter(pk=run_id).first()
    if run is None:
        raise missing(f"run {run_id}")
    return run_json(run) | {
        "problems": [
            {
                "code": tally.code,
                "outcome": tally.outcome,
                "count": tally.number,
                "samples": [
                    {"shopify_id": one.reference, "contact_id": one.contact_id, "detail": one.detail}
                    for one in tally.samples
                ],
            }
            for tally in report_queries.problems(run.pk)
        ],
        "consent": [
            {
                "channel": said.channel, "from_state": said.was, "to_state": said.is_now, "outcome": said.outcome,
                "refusal_code": said.refusal, "count": said.number,
            }
            for said in report_queries.consent(run.pk)
        ],
    }  # fmt: skip


@router.get(
    "/sync/deliveries", response=DeliveryList, auth=Scope("shopify.view"), summary="Deliveries",
    operation_id="list_deliveries",
)  # fmt: skip
def list_deliveries(
    request: ApiRequest,
    state: Annotated[Literal["NEW", "DONE", "IGNORED", "PARKED", "parked"] | None, Query()] = None,
    provider: Annotated[Literal["shopify", "whatsapp"] | None, Query()] = None,
    topic: Annotated[Text, Field(max_length=64, description="With its provider.")] = "",
    limit: Limit = DEFAULT_LIMIT,
    cursor: Cursor = "",
) -> dict[str, Any]:
    """What Shopify and WhatsApp delivered within the last 30 days, and what became of it."""
    if topic and not provider:
        raise invalid("provider", "missing_parameter", "a topic goes with its provider")
    position = read_cursor(cursor, str, int)
    try:
        before = (datetime.fromisoformat(position[0]), position[1]) if position else None
    except ValueError:
        raise invalid("cursor", "invalid_format", "take it from next_cursor as it is") from None
    found = intake.search(
        request.shop.pk,
        state=(state or "").upper(),
        provider=provider or "",
        topic=topic,
        before=before,
        limit=limit + 1,
    )
    more, found = len(found) > limit, found[:limit]
    names = ("provider", "key", "topic", "state", "attempts", "error", "received_at", "drained_at")
    return {
        "items": [{"id": one.pk} | {name: getattr(one, name) for name in names} for one in found],
        "next_cursor": write_cursor(found[-1].received_at.isoformat(), found[-1].pk) if more else None,
    }


@router.post(
    "/sync/deliveries/replay", response=Replayed, auth=Scope("shopify.edit"), summary="Try parked deliveries again",
    operation_id="replay_deliveries",
)  # fmt: skip
def replay_deliveries(request: ApiRequest, payload: ReplayIn) -> dict[str, int]:
    """Parked ones are applied again as they came; trying twice does no harm. Answers how many; others are left alone."""
    if (payload.topic is None) != (payload.provider is None):
        raise invalid("provider" if payload.topic else "topic", "missing_parameter", "provider and topic go together")
    count = replay(request.shop.pk, payload.delivery_ids, provider=payload.provider or "", topic=payload.topic)
    if count:
        Event.objects.create(
            shop_id=request.shop.pk, kind="delivery.replayed", occurred_at=timezone.now(), actor_kind="staff",
            actor_id=request.api_token.author, origin="sync", data={"count": count},
        )  # fmt: skip
    return {"count": count}
