"""Contacts over the REST API: finding them, reading one, and the bulk upsert."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Annotated, Any

from django.db import connection
from ninja import Query, Router, Schema, Status
from pydantic import BaseModel, Field

from sayso.consent.api import ChannelState, states_of, unknown_states
from sayso.consent.events import Channel, State
from sayso.contacts.api import ContactOut, contact_json, email_key, phone_key
from sayso.contacts.apply import Actor, apply
from sayso.contacts.changes import ContactChange, Source
from sayso.contacts.models import Contact
from sayso.contacts.queries import search_patterns
from sayso.privacy.api import PrivacyRequestOut, open_for, request_json
from sayso.privacy.models import PrivacyRequest
from sayso.privacy.people import Named
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
from sayso.shops.models import Shop

from . import upsert

router = Router(tags=["Contacts"])


class ContactDetail(ContactOut):
    consents: list[ChannelState] = Field(description="One a channel.")


class Contacts(Schema):
    items: list[ContactDetail] = Field(description="Newest first.")
    next_cursor: str | None
    total: int = Field(description="Of all pages; counted when the first page was asked for.")


class Filters(BaseModel):
    """What the list may be narrowed by; everything named must hold."""

    search: Annotated[Text, Field(max_length=100)] = Field("", description="Part of a name, e-mail or phone number.")
    email: Annotated[Text, Field(max_length=320)] = ""
    phone: Annotated[Text, Field(max_length=64)] = ""
    sms: Annotated[Text, Field(max_length=64)] = Field("", description="The same as `phone`.")
    shopify_customer_id: Annotated[int, Field(ge=0, le=BIGGEST)] | None = None
    external_customer_id: Annotated[Text, Field(max_length=255)] = ""
    tag: Annotated[Text, Field(max_length=255)] = ""
    channel: Channel | None = Field(None, description="With `state`: the channel it is about.")
    state: State | None = None
    deleted: bool = Field(False, description="Only the deleted and redacted instead of the living.")
    limit: Limit = DEFAULT_LIMIT
    cursor: Cursor = ""


@dataclass
class _Where:
    """Conditions as SQL, because each must come from an index under row-level security (decision 4)."""

    text: list[str] = field(default_factory=lambda: ["c.shop_id = %s"])
    parameters: list[Any] = field(default_factory=list)

    def add(self, condition: str, *parameters: Any) -> None:
        self.text.append(condition)
        self.parameters.extend(parameters)


def _where(filters: Filters, shop: Shop) -> tuple[str, list[Any]]:
    """FROM and WHERE of the list; its parameters. Raises Problem where the filters do not fit each other."""
    where = _Where(parameters=[shop.pk])
    if filters.deleted:
        where.add("(c.deleted_at is not null or c.redacted_at is not null)")
    else:
        where.add("c.deleted_at is null and c.redacted_at is null")
    for patterns in search_patterns(filters.search):
        where.add("(" + " or ".join(["c.search like %s"] * len(patterns)) + ")", *patterns)
    if filters.email:
        where.add("c.email_key = %s", email_key(filters.email, shop))
    if phone := filters.phone or filters.sms:
        where.add("c.phone_key = %s", phone_key(phone, shop))
    if filters.shopify_customer_id is not None:
        where.add("c.shopify_customer_id = %s", filters.shopify_customer_id)
    if filters.external_customer_id:
        where.add("c.external_customer_id = %s", filters.external_customer_id)
    if filters.tag:
        where.add("c.tags @> %s::varchar[]", [filters.tag])
    source = "contact c" + _with_state(filters, shop, where)
    return f"{source} where {' and '.join(where.text)}", where.parameters


def _with_state(filters: Filters, shop: Shop, where: _Where) -> str:
    """The join that the state needs, with its condition added."""
    if filters.state is None and filters.channel is None:
        return ""
    if filters.channel is None:
        raise invalid("channel", "missing_parameter", "say which channel the state is about")
    if filters.state is None:
        raise invalid("state", "missing_parameter", "say which state the channel should have")
    column = f"s.{filters.channel.value}_state"
    join = "join consent_state s on s.shop_id = c.shop_id and s.contact_id = c.id"
    if filters.state is State.UNKNOWN:
        where.add(f"coalesce({column}, 'UNKNOWN') = 'UNKNOWN'")
        return f" left {join}"
    where.add(f"s.shop_id = %s and {column} = %s", shop.pk, filters.state.value)
    return f" {join}"


@router.get(
    "/contacts", response=Contacts, auth=Scope("contacts.view"), summary="Find contacts", operation_id="list_contacts"
)
def list_contacts(request: ApiRequest, filters: Query[Filters]) -> dict[str, Any]:
    """Contacts, newest first, with their consent."""
    if unknown := sorted(set(request.GET) - set(Filters.model_fields)):
        # Leaving a misspelt filter out would answer with everybody.
        raise invalid(unknown[0], "must_be_empty", "there is no such filter")
    source, parameters = _where(filters, request.shop)
    position = read_cursor(filters.cursor, int, int)
    with connection.cursor() as cursor:
        if position is None:
            cursor.execute(f"select count(*) from {source}", parameters)  # noqa: S608
            (total,) = cursor.fetchone()
        else:
            # Counting a million contacts takes 150 ms, so the cursor carries what the first page counted.
            total = position[1]
            source, parameters = f"{source} and c.id < %s", [*parameters, position[0]]
        cursor.execute(
            f"select c.id from {source} order by c.id desc limit %s",  # noqa: S608
            [*parameters, filters.limit + 1],
        )
        ids = [pk for (pk,) in cursor.fetchall()]
    more, ids = len(ids) > filters.limit, ids[: filters.limit]
    return {"items": readable(ids), "next_cursor": write_cursor(ids[-1], total) if more else None, "total": total}


def readable(ids: list[int]) -> list[dict[str, Any]]:
    """Contacts with their consent as the API writes them, in the order of their ids here."""
    contacts, states = Contact.objects.in_bulk(ids), states_of(ids)
    return [
        contact_json(contacts[pk]) | {"consents": states.get(pk) or unknown_states()} for pk in ids if pk in contacts
    ]


def _one(contact_id: int | None, what: str) -> dict[str, Any]:
    found = readable([contact_id]) if contact_id else []
    if not found:
        raise missing(what)
    return found[0]


@router.get(
    "/contacts/by-shopify-id/{shopify_customer_id}",
    response=ContactDetail,
    auth=Scope("contacts.view"),
    summary="A contact by its Shopify customer id",
    operation_id="get_contact_by_shopify_id",
)
def by_shopify_id(request: ApiRequest, shopify_customer_id: Annotated[int, Field(ge=0, le=BIGGEST)]) -> dict[str, Any]:
    """Also a deleted one, with `deleted_at`."""
    found = Contact.objects.filter(shopify_customer_id=shopify_customer_id).values_list("pk", flat=True).first()
    return _one(found, f"contact with the Shopify customer id {shopify_customer_id}")


@router.get(
    "/contacts/by-phone/{phone}",
    response=ContactDetail,
    auth=Scope("contacts.view"),
    summary="A contact by its phone number",
    operation_id="get_contact_by_phone",
)
def by_phone(request: ApiRequest, phone: Annotated[Text, Field(max_length=64)]) -> dict[str, Any]:
    """The oldest living contact with the number, in whatever way it is written; `GET /contacts?phone=` gives all."""
    key = phone_key(phone, request.shop)
    living = Contact.objects.filter(phone_key=key, deleted_at__isnull=True, redacted_at__isnull=True).order_by("id")
    return _one(living.values_list("pk", flat=True).first() if key else None, "contact with this phone number")


@router.get(
    "/contacts/{contact_id}",
    response=ContactDetail,
    auth=Scope("contacts.view"),
    summary="A contact",
    operation_id="get_contact",
)
def get_contact(request: ApiRequest, contact_id: Id) -> dict[str, Any]:
    """Also a deleted one, with `deleted_at`."""
    return _one(contact_id, f"contact {contact_id}")


@router.post(
    "/contacts",
    response=upsert.Answer,
    auth=Scope("contacts.edit"),
    summary="Create or update contacts",
    operation_id="upsert_contacts",
)
def upsert_contacts(request: ApiRequest, payload: upsert.Payload) -> dict[str, Any]:
    """Up to 3,000 contacts at once. Each item is created, updated, found unchanged, or failed; a failed one does not
    hold up the others. A contact never becomes subscribed by being sent here: only `consents` with a proof can do that,
    under the rules of the consent table, and never against an opt-out."""
    return upsert.run(payload, request.shop, token=request.api_token.author, now=datetime.now(UTC))


@router.delete(
    "/contacts/{contact_id}",
    response={204: None, 202: PrivacyRequestOut},
    auth=Scope("contacts.edit"),
    summary="Delete or erase a contact",
    operation_id="delete_contact",
)
def delete_contact(
    request: ApiRequest,
    contact_id: Id,
    erase: Annotated[
        bool, Query(description="Erase it for good (GDPR Art. 17). Needs the scope `privacy.edit` as well.")
    ] = False,
) -> Status[Any]:
    """Deleting hides the contact at once and takes its names after 30 days; ledger and suppressions stay. A contact of a
    Shopify customer is deleted in Shopify. Erasing opens a privacy request, which is answered with 202."""
    contact = Contact.objects.filter(pk=contact_id).first()
    if contact is None or contact.redacted_at is not None:
        raise missing(f"contact {contact_id}")
    if erase:
        if "privacy.edit" not in request.api_token.scopes:
            raise Problem(403, "This token does not carry the scope “privacy.edit”, which erasing needs.")
        return Status(202, request_json(open_for(request, PrivacyRequest.Kind.REDACT, Named(), [contact_id])))
    if contact.shopify_customer_id is not None:
        raise Problem(409, "This contact is a customer in Shopify. Delete them there; or erase them with erase=true.")
    actor = Actor("staff", request.api_token.author)
    apply([ContactChange(source=Source.API, contact_id=contact_id, deleted=True)], actor=actor)
    return Status(204, None)
