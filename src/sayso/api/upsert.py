"""The bulk upsert: each item is checked by itself, the good ones go through the doors together."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Annotated, Any, Literal

from ninja import Schema
from pydantic import ConfigDict, Field, SkipValidation, ValidationError

from sayso.consent.api import ConsentIn, ConsentResult, record_all
from sayso.contacts import api as contacts
from sayso.contacts.api import WRITABLE, ContactFields, Dedupe
from sayso.contacts.apply import Actor, apply
from sayso.contacts.changes import ContactChange
from sayso.contacts.models import Contact
from sayso.shops.api import InvalidField, invalid
from sayso.shops.models import Shop

from .errors import invalid_fields

MAX_CONTACTS = 3000


class ContactIn(ContactFields):
    consents: Annotated[list[ConsentIn], Field(max_length=20)] = Field(
        [], description="What the person said about being messaged, with proof."
    )


class Payload(Schema):
    model_config = ConfigDict(extra="forbid")

    # Read item by item below, so that one bad item does not fail the batch.
    contacts: Annotated[list[SkipValidation[ContactIn]], Field(max_length=MAX_CONTACTS)]
    dedupe_on: Dedupe = Field(
        description="By what an item finds its contact. `email_or_sms` looks for the phone number first. Without a match"
        " the usual order decides: external id, e-mail, phone; and else a contact is made."
    )
    contact_fields: list[str] | None = Field(
        None, description="The only fields to write; one that an item lacks is emptied. Left out: what each item sends."
    )


class Done(Schema):
    index: int = Field(description="Position in `contacts`.")
    contact_id: int
    outcome: Literal["created", "updated", "unchanged"]
    consents: list[ConsentResult] = []


class Failed(Schema):
    """An item that was left out, as a problem (RFC 9457) of its own."""

    index: int
    type: str
    title: str
    invalid_fields: list[InvalidField]


class Answer(Schema):
    items: list[Done]
    failed_contacts: list[Failed]


@dataclass
class _Item:
    index: int
    given: ContactIn
    fields: set[str]
    known: Contact | None = None


class _Bad(Exception):
    def __init__(self, *fields: InvalidField) -> None:
        super().__init__()
        self.fields = list(fields)

    @classmethod
    def one(cls, name: str, code: str, reason: str) -> _Bad:
        return cls(InvalidField(name=name, code=code, reason=reason))


def run(payload: Payload, shop: Shop, *, token: str, now: datetime) -> dict[str, Any]:
    """Apply what can be applied, in the request's transaction. ``token`` names the author of the changes."""
    for name in payload.contact_fields or ():
        if name not in WRITABLE:
            raise invalid("contact_fields", "invalid_reference", f"there is no writable field {name!r}")
    named = None if payload.contact_fields is None else set(payload.contact_fields)
    failed: dict[int, list[InvalidField]] = {}
    items: list[_Item] = []
    for index, raw in enumerate(payload.contacts):
        try:
            items.append(_read(index, raw, payload.dedupe_on, named, shop))
        except _Bad as bad:
            failed[index] = bad.fields
    items = _find(items, payload.dedupe_on, shop, failed)
    changes = [
        contacts.change(
            one.given, one.known, fields=one.fields, dedupe_on=payload.dedupe_on, at=now, sequence=one.index
        )
        for one in items
    ]
    done = _apply(items, changes, shop, token)
    _record(items, done, token=token, now=now)
    return {
        "items": done,
        "failed_contacts": [
            {
                "index": index,
                "type": "urn:sayso:problem:validation",
                "title": "Unprocessable Entity",
                "invalid_fields": fields,
            }
            for index, fields in sorted(failed.items())
        ],
    }


def _read(index: int, raw: Any, dedupe_on: Dedupe, named: set[str] | None, shop: Shop) -> _Item:
    """One item, checked as far as that goes without the database; raises _Bad."""
    try:
        given = ContactIn.model_validate(raw)
    except ValidationError as error:
        raise _Bad(*invalid_fields(error.errors(include_url=False), skip=0)) from None
    short = [bad for number, one in enumerate(given.consents) for bad in one.shortcomings(f"consents.{number}")]
    if short:
        raise _Bad(*short)
    if given.phone and contacts.read_phone(given.phone, shop, given.country).e164 is None:
        raise _Bad.one("phone", "invalid_format", "cannot be read as a phone number; write it in E.164")
    if not given.external_customer_id:
        needed = {Dedupe.EMAIL: ("email",), Dedupe.SMS: ("phone",), Dedupe.EMAIL_OR_SMS: ("phone", "email")}.get(
            dedupe_on, (dedupe_on.value,)
        )
        if not any(getattr(given, name) for name in needed):
            raise _Bad.one(needed[0], "missing_parameter", f"dedupe_on is {dedupe_on.value}")
    sent = {name for name in given.model_fields_set if name in WRITABLE}
    return _Item(index, given, sent if named is None else named)


def _find(items: list[_Item], dedupe_on: Dedupe, shop: Shop, failed: dict[int, list[InvalidField]]) -> list[_Item]:
    """Put the known contact to each item, a query a kind of name; items that name one who is gone are failed."""
    by_external = _by_external({one.given.external_customer_id for one in items} - {None})
    mails: dict[int, bytes] = {}
    phones: dict[int, bytes] = {}
    for one in items:
        if dedupe_on in (Dedupe.EMAIL, Dedupe.EMAIL_OR_SMS) and one.given.email:
            mails[one.index] = contacts.email_key(one.given.email, shop)
        if dedupe_on in (Dedupe.SMS, Dedupe.EMAIL_OR_SMS) and one.given.phone:
            key = contacts.phone_key(one.given.phone, shop, one.given.country)
            if key:
                phones[one.index] = key
    by_mail = contacts.by_key("email_key", set(mails.values())) if mails else {}
    by_phone = contacts.by_key("phone_key", set(phones.values())) if phones else {}
    wanted = [one.given.id for one in items if one.given.id] if dedupe_on is Dedupe.ID else []
    by_id = Contact.objects.in_bulk(wanted)
    found = []
    for one in items:
        if one.given.external_customer_id:
            one.known = by_external.get(one.given.external_customer_id)
        elif dedupe_on is Dedupe.ID:
            one.known = by_id.get(one.given.id or 0)
            if one.known is None:
                failed[one.index] = [_gone("id", "there is no such contact")]
                continue
        else:
            one.known = by_phone.get(phones.get(one.index, b"")) or by_mail.get(mails.get(one.index, b""))
        if one.known and (one.known.deleted_at or one.known.redacted_at):
            name = "external_customer_id" if one.given.external_customer_id else "id"
            failed[one.index] = [_gone(name, "the contact is deleted")]
            continue
        if one.known is None and not (one.given.email or one.given.phone or one.given.external_customer_id):
            failed[one.index] = [_gone("email", "a new contact needs an e-mail, a phone number or an external id")]
            continue
        found.append(one)
    return found


def _gone(name: str, reason: str) -> InvalidField:
    return InvalidField(name=name, code="invalid_reference", reason=reason)


def _by_external(ids: set[str | None]) -> dict[str | None, Contact]:
    if not ids:
        return {}
    return {one.external_customer_id: one for one in Contact.objects.filter(external_customer_id__in=ids)}


def _apply(items: list[_Item], changes: list[ContactChange], shop: Shop, token: str) -> list[Done]:
    """Through the door, except those that say nothing new."""
    same = [
        one.known is not None and contacts.is_unchanged(change, one.known, shop)
        for one, change in zip(items, changes, strict=True)
    ]
    # Of several items for one contact the later ones are compared with what the first found, so all of them go.
    known = [one.known.pk if one.known else None for one in items]
    repeated = {pk for pk in known if pk is not None and known.count(pk) > 1} if len(set(known)) < len(known) else set()
    skip = [unchanged and pk not in repeated for unchanged, pk in zip(same, known, strict=True)]
    applied = iter(
        apply(
            (change for change, skipped in zip(changes, skip, strict=True) if not skipped),
            actor=Actor("staff", token),
        )
    )
    done = []
    for one, skipped in zip(items, skip, strict=True):
        if skipped and one.known:
            done.append(Done(index=one.index, contact_id=one.known.pk, outcome="unchanged"))
            continue
        result = next(applied)
        outcome: Literal["created", "updated", "unchanged"] = "unchanged"
        if result.created:
            outcome = "created"
        elif result.updated:
            outcome = "updated"
        done.append(Done(index=one.index, contact_id=result.contact_id, outcome=outcome))
    return done


def _record(items: list[_Item], done: list[Done], *, token: str, now: datetime) -> None:
    """Record the consents of all items and put what became of them into ``done``."""
    events, owners = [], []
    for one, result in zip(items, done, strict=True):
        for said in one.given.consents:
            address = one.given.email if said.channel == "email" else one.given.phone
            events.append(said.event(result.contact_id, address, token=token, now=now))
            owners.append(result)
    if events:
        for owner, outcome in zip(owners, record_all(events), strict=True):
            owner.consents.append(outcome)
