"""Proof, exports, the ledger and the past, as the REST API gives them."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Annotated, Any, Literal

from django.http import FileResponse, HttpResponse
from django.http.response import HttpResponseBase
from ninja import Query, Router, Schema
from pydantic import AwareDatetime, ConfigDict, Field

from sayso.consent import exports, history
from sayso.consent.events import Channel, State
from sayso.consent.ledger.keys import KeyTrouble
from sayso.consent.ledger.search import Filter
from sayso.consent.models import Checkpoint, Export, LedgerEntry
from sayso.shops.api import (
    DEFAULT_LIMIT,
    ApiRequest,
    Cursor,
    Id,
    Limit,
    Problem,
    Scope,
    Text,
    invalid,
    missing,
    read_cursor,
    write_cursor,
)

from .formats import FORMATS, make

router = Router(tags=["Consent"])

EARLIEST, LATEST = datetime(1990, 1, 1, tzinfo=UTC), datetime(2100, 1, 1, tzinfo=UTC)
Moment = Annotated[AwareDatetime, Field(ge=EARLIEST, le=LATEST)]
Name = Annotated[Text, Field(max_length=32)]
FormName = Literal["pdf", "html", "jsonl", "csv", "kantara", "dpv"]
KindName = Literal["ledger_csv", "ledger_jsonl", "messageable_csv", "proof_pack"]
FILES = {
    "responses": {
        200: {"description": "The file.", "content": {"*/*": {"schema": {"type": "string", "format": "binary"}}}}
    }
}


class Filters(Schema):
    """Which entries; what is left out narrows nothing."""

    channel: Channel | None = None
    outcome: Literal["ACCEPTED", "NO_CHANGE", "REFUSED"] | None = None
    event: Name = Field("", description="As in the transition table: `OPT_IN`, `OPT_OUT` …")
    state: State | None = Field(None, description="The state that the entry led to.")
    source: Name = ""
    contact_id: Id | None = None
    since: Moment | None = Field(None, description="Recorded at this time or later.")
    until: Moment | None = Field(None, description="Recorded before this time.")

    def filter(self) -> Filter:
        return Filter(
            channel=self.channel or "",
            outcome=self.outcome or "",
            event=self.event,
            state=self.state or "",
            source=self.source,
            contact=self.contact_id,
            since=self.since,
            until=self.until,
        )


class LedgerRow(Schema):
    id: int
    contact_id: int
    channel: str
    topic: str | None
    event: str
    outcome: str
    refusal_code: str | None
    from_state: str
    to_state: str
    occurred_at: datetime | None
    recorded_at: datetime
    source: str
    basis: str | None
    wording_version: str | None
    language: str | None
    actor_kind: str
    caused_by: int | None
    hash: str = Field(description="Hexadecimal SHA-256 of `entry`.")
    entry: str = Field(description="The entry as it was hashed: RFC 8785 JSON.")


class LedgerPage(Schema):
    items: list[LedgerRow] = Field(description="Newest first.")
    next_cursor: str | None


@router.get(
    "/consent/ledger",
    response=LedgerPage,
    auth=Scope("consent.view"),
    summary="The consent ledger",
    operation_id="list_ledger",
)
def list_ledger(
    request: ApiRequest, filters: Query[Filters], limit: Limit = DEFAULT_LIMIT, cursor: Cursor = ""
) -> dict[str, Any]:
    """Every attempt to change consent, accepted or refused, newest first."""
    entries = filters.filter().entries().order_by("-id")
    if position := read_cursor(cursor, int):
        entries = entries.filter(pk__lt=position[0])
    found = list(entries[: limit + 1])
    more, found = len(found) > limit, found[:limit]
    return {"items": [_row(one) for one in found], "next_cursor": write_cursor(found[-1].pk) if more else None}


def _row(entry: LedgerEntry) -> dict[str, Any]:
    same = [name for name in LedgerRow.model_fields if name != "hash"]
    return {name: getattr(entry, name) for name in same} | {"hash": bytes(entry.hash).hex()}


class MessageableRow(Schema):
    contact_id: int
    since: datetime
    basis: str | None
    source: str
    ledger_id: int = Field(description="The last entry of the channel by then.")


class MessageablePage(Schema):
    at: datetime
    channel: Channel
    count: int | None = Field(description="All of them; on the first page alone.")
    items: list[MessageableRow] = Field(description="By contact number.")
    next_cursor: str | None


@router.get(
    "/consent/messageable",
    response=MessageablePage,
    auth=Scope("consent.view"),
    summary="Who could have been messaged at a moment",
    operation_id="list_messageable",
)
def list_messageable(
    request: ApiRequest, at: Moment, channel: Channel, limit: Limit = DEFAULT_LIMIT, cursor: Cursor = ""
) -> dict[str, Any]:
    """Contacts that were `SUBSCRIBED` on the channel by what had been recorded at `at`. Exclusion from messaging and
    deliverability have no history and are not asked."""
    position = read_cursor(cursor, int)
    found = history.messageable(at, channel, after=position[0] if position else 0, limit=limit + 1)
    more, found = len(found) > limit, found[:limit]
    return {
        "at": at,
        "channel": channel,
        "count": None if position else history.count_messageable(at, channel),
        "items": [vars(one) for one in found],
        "next_cursor": write_cursor(found[-1].contact_id) if more else None,
    }


class CheckpointRow(Schema):
    number: int
    made_at: datetime
    count: int
    first_id: int
    last_id: int
    root: str = Field(description="Hexadecimal Merkle root (RFC 6962) over the hashes of the entries.")
    text: str = Field(description="What is signed: RFC 8785 JSON.")
    signature: str = Field(description="Hexadecimal, Ed25519.")
    public_key: str


class CheckpointPage(Schema):
    items: list[CheckpointRow] = Field(description="Newest first.")
    next_cursor: str | None


@router.get(
    "/consent/checkpoints",
    response=CheckpointPage,
    auth=Scope("consent.view"),
    summary="Signed checkpoints of the ledger",
    operation_id="list_checkpoints",
)
def list_checkpoints(request: ApiRequest, limit: Limit = DEFAULT_LIMIT, cursor: Cursor = "") -> dict[str, Any]:
    """Keep them elsewhere, and nobody can rewrite the ledger behind your back."""
    rows = Checkpoint.objects.defer("leaf_ids").order_by("-number")
    if position := read_cursor(cursor, int):
        rows = rows.filter(number__lt=position[0])
    found = list(rows[: limit + 1])
    more, found = len(found) > limit, found[:limit]
    plain = ("number", "made_at", "count", "first_id", "last_id", "text")
    binary = ("root", "signature", "public_key")
    return {
        "items": [
            {name: getattr(one, name) for name in plain} | {name: bytes(getattr(one, name)).hex() for name in binary}
            for one in found
        ],
        "next_cursor": write_cursor(found[-1].number) if more else None,
    }


@router.get(
    "/contacts/{contact_id}/consent/proof",
    response=None,
    auth=Scope("consent.export"),
    summary="Proof of a contact's consent",
    operation_id="get_consent_proof",
    openapi_extra=FILES,
)
def get_proof(
    request: ApiRequest,
    contact_id: Id,
    format: FormName = "jsonl",
    language: Annotated[Text, Field(max_length=35)] = "",
) -> HttpResponseBase:
    """As a file: `pdf` and `html` for people, `jsonl` with Merkle paths for `verify.py`, `csv`, `kantara` (Consent
    Receipt v1.1.0), `dpv` (JSON-LD, aligned with ISO/IEC TS 27560). Noted in the activity of the contact."""
    try:
        made = make(
            request.shop,
            contact_id,
            format,
            language=language,
            actor_kind="staff",
            actor_id=request.api_token.author,
        )
    except KeyTrouble as error:
        raise Problem(409, f"The proof cannot be made: {error}.") from error
    if made is None:
        raise missing(f"contact {contact_id}")
    disposition = f'attachment; filename="{made.filename}"'
    return HttpResponse(
        made.content, content_type=FORMATS[format].media_type, headers={"Content-Disposition": disposition}
    )


class ExportIn(Filters):
    """What to export. A `proof_pack` is always whole; `messageable_csv` needs `at` and `channel`."""

    model_config = ConfigDict(extra="forbid")

    kind: KindName
    at: Moment | None = None


class ExportOut(Schema):
    id: int
    kind: str
    parameters: dict[str, Any]
    state: str = Field(description="`QUEUED`, `RUNNING`, `DONE`, `FAILED` or `EXPIRED`.")
    done: int = Field(description="Rows so far.")
    total: int | None
    bytes: int | None
    sha256: str = Field(description="Of the file, hexadecimal; empty until it is done.")
    error: str
    created_at: datetime
    finished_at: datetime | None
    expires_at: datetime | None


class Exports(Schema):
    items: list[ExportOut] = Field(description="The newest 100, newest first.")


@router.post(
    "/consent/exports",
    response={202: ExportOut},
    auth=Scope("consent.export"),
    summary="Ask for an export",
    operation_id="create_export",
)
def create_export(request: ApiRequest, wanted: ExportIn) -> Export:
    """It is written in the background: ask for its state until it is `DONE`, then fetch the file within 24 hours."""
    parameters = wanted.filter().told()
    if wanted.kind == "messageable_csv":
        if wanted.at is None or wanted.channel is None:
            raise invalid("at", "missing_parameter", "messageable_csv needs at and channel")
        parameters = {"at": wanted.at.isoformat(), "channel": wanted.channel.value}
    elif wanted.kind == "proof_pack":
        parameters = {}
    export = exports.request(wanted.kind, parameters, actor_kind="staff", actor_id=request.api_token.author)
    return Export.objects.get(pk=export.pk)


@router.get(
    "/consent/exports",
    response=Exports,
    auth=Scope("consent.export"),
    summary="Exports",
    operation_id="list_exports",
)
def list_exports(request: ApiRequest) -> dict[str, Any]:
    """What was asked for, and how far it is."""
    return {"items": list(Export.objects.order_by("-id")[:100])}


@router.get(
    "/consent/exports/{export_id}",
    response=ExportOut,
    auth=Scope("consent.export"),
    summary="One export",
    operation_id="get_export",
)
def get_export(request: ApiRequest, export_id: Id) -> Export:
    """How far it is."""
    return _export(export_id)


@router.get(
    "/consent/exports/{export_id}/file",
    response=None,
    auth=Scope("consent.export"),
    summary="The file of an export",
    operation_id="get_export_file",
    openapi_extra=FILES,
)
def get_export_file(request: ApiRequest, export_id: Id) -> HttpResponseBase:
    """409 until it is written, and after its day is over."""
    export = _export(export_id)
    path = exports.file_of(export)
    if path is None:
        raise Problem(409, f"The file of export {export_id} is not there: the export is {export.state}.")
    exports.taken(export, actor_id=request.api_token.author)
    return FileResponse(path.open("rb"), as_attachment=True, filename=exports.filename(export, request.shop))


def _export(export_id: int) -> Export:
    export = Export.objects.filter(pk=export_id).first()
    if export is None:
        raise missing(f"export {export_id}")
    return export
