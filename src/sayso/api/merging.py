"""Two contacts that are one person, over the REST API: make them one, see who was, part them again."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from ninja import Router, Schema
from pydantic import Field

from sayso.contacts import merge as door
from sayso.contacts.apply import Actor
from sayso.contacts.models import Contact, ContactMerge
from sayso.shops.api import ApiRequest, Id, Problem, Scope, invalid, missing

router = Router(tags=["Merging"])


class MergeOut(Schema):
    id: int
    survivor_id: int = Field(description="The contact that stays.")
    merged_id: int = Field(description="The contact that became part of it, and is hidden.")
    cause: ContactMerge.Cause
    merged_at: datetime
    undone_at: datetime | None


class Merges(Schema):
    items: list[MergeOut] = Field(description="Newest first.")


class With(Schema):
    other_id: Id = Field(description="The other contact.")


@router.post(
    "/contacts/{contact_id}/merge",
    response=MergeOut,
    auth=Scope("contacts.merge"),
    summary="Make two contacts one",
    operation_id="merge_contacts",
)
def merge_contacts(request: ApiRequest, contact_id: Id, payload: With) -> ContactMerge:
    """The customer of the store stays, else the older contact; an opt-out of either is one of both. Customers of the
    store are merged in Shopify: 409."""
    one = _contact(contact_id)
    other = Contact.objects.filter(pk=payload.other_id).first()
    if other is None or other.pk == one.pk:
        raise invalid("other_id", "invalid_reference", "name another contact of this shop")
    try:
        survivor, merged = door.survivor_of(one, other)
        merge_id = door.merge(survivor.pk, merged.pk, cause=ContactMerge.Cause.STAFF, actor=_actor(request))
    except door.Refused as refused:
        raise Problem(409, str(refused)) from refused
    return ContactMerge.objects.get(pk=merge_id)


@router.get(
    "/contacts/{contact_id}/merges",
    response=Merges,
    auth=Scope("contacts.view"),
    summary="The merges of a contact",
    operation_id="list_merges",
)
def list_merges(request: ApiRequest, contact_id: Id) -> dict[str, Any]:
    """Who became part of it and whom it became part of, undone ones included."""
    contact = _contact(contact_id)
    rows = ContactMerge.objects.filter(survivor_id=contact.pk) | ContactMerge.objects.filter(merged_id=contact.pk)
    return {"items": list(rows.order_by("-pk"))}


@router.post(
    "/merges/{merge_id}/undo",
    response=MergeOut,
    auth=Scope("contacts.merge"),
    summary="Part two contacts again",
    operation_id="undo_merge",
)
def undo_merge(request: ApiRequest, merge_id: Id) -> ContactMerge:
    """For 30 days, and not what Shopify merged. Consent stays as strict as the merge made it, for both."""
    if not ContactMerge.objects.filter(pk=merge_id).exists():
        raise missing(f"merge {merge_id}")
    try:
        door.part(merge_id, actor=_actor(request))
    except door.Refused as refused:
        raise Problem(409, str(refused)) from refused
    return ContactMerge.objects.get(pk=merge_id)


def _contact(contact_id: int) -> Contact:
    contact = Contact.objects.filter(pk=contact_id).first()
    if contact is None:
        raise missing(f"contact {contact_id}")
    return contact


def _actor(request: ApiRequest) -> Actor:
    return Actor("staff", request.api_token.author)
