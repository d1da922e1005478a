"""Privacy over the REST API: what people asked about their data, and how that stands."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Any, Literal

from django.http import StreamingHttpResponse
from django.http.response import HttpResponseBase
from ninja import Query, Router, Schema, Status
from pydantic import ConfigDict, Field

from sayso.contacts.models import Contact
from sayso.contacts.phones import normalise
from sayso.shops.api import (
    BIGGEST,
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

from . import access, queries, requests
from .models import PrivacyRequest
from .people import Named

router = Router(tags=["Privacy"])


class PrivacyRequestIn(Schema):
    """Who is meant: a contact of ours, or whatever the person is known by. Matched by id, then e-mail, then phone."""

    model_config = ConfigDict(extra="forbid")

    kind: Literal["ACCESS", "REDACT"]
    contact_id: Id | None = None
    shopify_customer_id: Annotated[int, Field(ge=1, le=BIGGEST)] | None = None
    email: Annotated[Text, Field(max_length=320, pattern=r"^[^@\s]+@[^@\s]+$")] | None = None
    phone: Annotated[Text, Field(max_length=64)] | None = None
    reference: Annotated[Text, Field(max_length=100)] = Field(
        "", description="Your own name for it: the same reference twice is one request."
    )


class PrivacyRequestOut(Schema):
    id: int
    kind: Literal["ACCESS", "REDACT", "SHOP_REDACT"]
    origin: str = Field(description="`shopify`, `staff`, `api` or `system`.")
    status: Literal["RECEIVED", "IN_PROGRESS", "DONE", "FAILED"]
    contact_ids: list[int] = Field(description="Who was found; filled when it is carried out.")
    received_at: datetime
    due_at: datetime = Field(description="30 days after it was received.")
    done_at: datetime | None
    counts: dict[str, int] = Field(description="Rows in the package, or rows scrubbed, by kind of data.")
    error: str
    note: str
    package_bytes: int | None = Field(description="Of an access package that is ready and has not expired.")
    package_expires_at: datetime | None


class PrivacyRequests(Schema):
    items: list[PrivacyRequestOut] = Field(description="Newest first.")
    next_cursor: str | None


def request_json(one: PrivacyRequest) -> dict[str, Any]:
    """As :class:`PrivacyRequestOut` describes it."""
    names = ("kind", "origin", "status", "contact_ids", "received_at", "due_at", "done_at", "counts", "error", "note")
    return {name: getattr(one, name) for name in names} | {
        "id": one.pk, "package_bytes": one.package_size, "package_expires_at": one.package_expires_at,
    }  # fmt: skip


@router.get(
    "/privacy/requests", response=PrivacyRequests, auth=Scope("privacy.view"), summary="Privacy requests",
    operation_id="list_privacy_requests",
)  # fmt: skip
def list_requests(
    request: ApiRequest,
    open: Annotated[bool, Query(description="Only those that are not done.")] = False,
    limit: Limit = DEFAULT_LIMIT,
    cursor: Cursor = "",
) -> dict[str, Any]:
    """What people asked about their data, with the date by which it is due."""
    position = read_cursor(cursor, int)
    rows = PrivacyRequest.objects.order_by("-pk")
    if open:
        rows = rows.filter(status__in=queries.OPEN)
    if position:
        rows = rows.filter(pk__lt=position[0])
    found = list(rows[: limit + 1])
    more, found = len(found) > limit, found[:limit]
    return {"items": [request_json(one) for one in found], "next_cursor": write_cursor(found[-1].pk) if more else None}


@router.post(
    "/privacy/requests", response={202: PrivacyRequestOut}, auth=Scope("privacy.edit"), summary="Open a privacy request",
    operation_id="open_privacy_request",
)  # fmt: skip
def open_request(request: ApiRequest, payload: PrivacyRequestIn) -> Status[dict[str, Any]]:
    """Access or erasure for a person who wrote in. It is carried out in the background, usually within seconds; read it
    again to see how it stands. An erasure cannot be undone. Nobody has to be known: an erasure keeps the addresses from
    being messaged all the same."""
    if not (payload.contact_id or payload.shopify_customer_id or payload.email or payload.phone):
        raise invalid(
            "contact_id", "missing_parameter", "say who is meant: contact_id, shopify_customer_id, email or phone"
        )
    others = [name for name in ("shopify_customer_id", "email", "phone") if getattr(payload, name)]
    if payload.contact_id and others:  # they might be somebody else's, who would be erased as well
        raise invalid(others[0], "must_be_empty", "contact_id says who is meant; leave the rest out")
    if payload.contact_id and not Contact.objects.filter(pk=payload.contact_id).exists():
        raise invalid("contact_id", "invalid_reference", f"there is no contact {payload.contact_id}")
    if payload.phone and normalise(payload.phone, request.shop.country).e164 is None:
        raise invalid("phone", "invalid_format", "cannot be read as a phone number; write it in E.164")
    named = Named(payload.shopify_customer_id, payload.email or "", payload.phone or "")
    contact_ids = [payload.contact_id] if payload.contact_id else []
    asked = open_for(request, PrivacyRequest.Kind(payload.kind), named, contact_ids, payload.reference)
    return Status(202, request_json(asked))


def open_for(
    request: ApiRequest, kind: PrivacyRequest.Kind, named: Named, contact_ids: list[int], reference: str = ""
) -> PrivacyRequest:
    """Open a request in the name of the token."""
    reference = f"api:{reference}" if reference else ""
    made = requests.open_all(
        request.shop.pk, [requests.Asking(kind, named, contact_ids, reference)], origin=PrivacyRequest.Origin.API,
        actor_kind="staff", actor_id=request.api_token.author,
    )  # fmt: skip
    return made[0] if made else PrivacyRequest.objects.get(kind=kind, reference=reference)


def _one(request_id: int) -> PrivacyRequest:
    found = PrivacyRequest.objects.filter(pk=request_id).first()
    if found is None:
        raise missing(f"privacy request {request_id}")
    return found


@router.get(
    "/privacy/requests/{request_id}", response=PrivacyRequestOut, auth=Scope("privacy.view"), summary="A privacy request",
    operation_id="get_privacy_request",
)  # fmt: skip
def get_request(request: ApiRequest, request_id: Id) -> dict[str, Any]:
    """How it stands, and what was found or scrubbed."""
    return request_json(_one(request_id))


@router.get(
    "/privacy/requests/{request_id}/package", auth=Scope("privacy.edit"), summary="An access package",
    operation_id="get_access_package", response={200: None},
    openapi_extra={"responses": {200: {"description": "A zip of JSON and CSV.", "content": {"application/zip": {
        "schema": {"type": "string", "format": "binary"}}}}}},
)  # fmt: skip
def get_package(request: ApiRequest, request_id: Id) -> HttpResponseBase:
    """The zip to hand to the person."""
    found = _one(request_id)
    if found.package_size is None:
        raise Problem(409, f"Request {request_id} has no package: it is {found.status}, or the package has expired.")
    access.taken(found, actor_kind="staff", actor_id=request.api_token.author)
    response = StreamingHttpResponse(access.download(request.shop.pk, found.pk), content_type="application/zip")
    response["Content-Length"] = str(found.package_size)
    response["Content-Disposition"] = f'attachment; filename="access-request-{found.pk}.zip"'
    return response
