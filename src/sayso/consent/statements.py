"""Statements of consent through the REST API, many at once: each is judged for itself (features §16)."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable
from datetime import UTC, datetime
from typing import Annotated, Any

from ninja import Router, Schema
from pydantic import ConfigDict, Field, ValidationError

from sayso.contacts import addresses
from sayso.contacts.apply import Actor
from sayso.contacts.models import Contact
from sayso.contacts.phones import normalise
from sayso.shops.api import ApiRequest, Id, InvalidField, Scope, Text
from sayso.shops.models import Shop
from sayso.shops.tenancy import current_shop_id

from . import suppressions
from .api import ConsentIn, ConsentResult, record_all
from .events import Channel, ConsentEvent

router = Router(tags=["Consent"])

MOST = 1000

Address = Annotated[Text, Field(max_length=320)]


class StatementIn(ConsentIn):
    """What one contact said. The contact is named by exactly one of its ids or addresses."""

    model_config = ConfigDict(extra="forbid")

    contact_id: Id | None = None
    shopify_customer_id: Id | None = None
    external_customer_id: Annotated[Text, Field(max_length=255)] | None = None
    email: Address | None = None
    phone: Address | None = None

    @property
    def named(self) -> list[tuple[str, Any]]:
        return [(name, value) for name in NAMES if (value := getattr(self, name)) is not None]

    def problems(self) -> Iterable[InvalidField]:
        if len(self.named) != 1:
            yield InvalidField(
                name="contact_id",
                code="missing_parameter",
                reason=f"name the contact by exactly one of {', '.join(NAMES)}",
            )
        for one in self.shortcomings("statement"):
            yield InvalidField(name=one.name.removeprefix("statement."), code=one.code, reason=one.reason)


NAMES = ("contact_id", "shopify_customer_id", "external_customer_id", "email", "phone")


class Statements(Schema):
    model_config = ConfigDict(extra="forbid")

    events: Annotated[list[dict[str, Any]], Field(min_length=1, max_length=MOST)] = Field(
        description="Each with `channel`, `state` and exactly one of `contact_id`, `shopify_customer_id`,"
        " `external_customer_id`, `email` and `phone`; `occurred_at`, `wording`, `source_text` and `reference` as in an"
        " upsert. One that is invalid does not keep the others waiting."
    )


class StatementResult(Schema):
    """What became of one statement, in the order in which they came."""

    position: int
    outcome: str = Field(description="`ACCEPTED`, `NO_CHANGE`, `REFUSED`, or `INVALID`: not understood, not recorded.")
    contact_id: int | None = None
    channel: Channel | None = None
    state: Annotated[str | None, Field(description="The state afterwards.")] = None
    refusal_code: str | None = None
    ledger_id: int | None = None
    invalid_fields: list[InvalidField] = []


class StatementResults(Schema):
    results: list[StatementResult]


@router.post(
    "/consent/events",
    response=StatementResults,
    auth=Scope("consent.record_opt_in"),
    summary="Record consent",
    operation_id="record_consent",
)
def record_consent(request: ApiRequest, payload: Statements) -> dict[str, Any]:
    """Up to 1000 statements through the one table of rules. An opt-in needs its time and a proof and never overrides an
    opt-out; an opt-out is always taken: an address that nobody holds is suppressed, for whoever comes with it later.
    Every attempt leaves an entry in the ledger, but for invalid ones and for addresses that nobody holds."""
    read: dict[int, StatementIn] = {}
    results: dict[int, StatementResult] = {}
    for position, item in enumerate(payload.events):
        found = _read(item)
        if isinstance(found, StatementIn):
            read[position] = found
        else:
            results[position] = StatementResult(position=position, outcome="INVALID", invalid_fields=found)
    holders = _holders(statement.named[0] for statement in read.values())
    events: list[tuple[int, ConsentEvent]] = []
    unheld: dict[suppressions.Address, datetime] = {}
    now = datetime.now(UTC)
    for position, statement in read.items():
        name, value = statement.named[0]
        held = holders.get((name, value), [])
        if len(held) > 1 and statement.state == "SUBSCRIBED":
            reason = f"{len(held)} contacts have this address; name one by its id"
            field = InvalidField(name=name, code="invalid_reference", reason=reason)
            results[position] = StatementResult(position=position, outcome="INVALID", invalid_fields=[field])
        elif not held and statement.state == "UNSUBSCRIBED" and _speaks_of(name, statement.channel):
            unheld[suppressions.Address(name == "phone", value)] = statement.occurred_at or now
            results[position] = StatementResult(
                position=position, outcome="ACCEPTED", channel=statement.channel, state="UNSUBSCRIBED"
            )
        elif not held:
            field = InvalidField(name=name, code="invalid_reference", reason="there is no such contact")
            results[position] = StatementResult(position=position, outcome="INVALID", invalid_fields=[field])
        for contact_id in held if position not in results else ():
            address = value if _speaks_of(name, statement.channel) else None
            events.append(
                (position, statement.event(contact_id, address, token=f"api:{request.api_token.pk}", now=now))
            )
    if unheld:
        suppressions.suppress_unheld(unheld, source="api", actor=Actor("staff", f"api:{request.api_token.pk}"))
    recorded = zip(events, record_all([event for _, event in events]), strict=True)
    for (position, event), result in recorded:
        results.setdefault(position, _result(position, event, result))  # of several holders the oldest answers
    return {"results": [results[position] for position in sorted(results)]}


def _read(item: dict[str, Any]) -> StatementIn | list[InvalidField]:
    """The statement, or what is wrong with it."""
    try:
        statement = StatementIn.model_validate(item)
    except ValidationError as error:
        return [
            InvalidField(
                name=".".join(str(part) for part in one["loc"]) or "event", code="invalid_format", reason=one["msg"]
            )
            for one in error.errors(include_url=False, include_context=False, include_input=False)
        ]
    if statement.phone:
        country = Shop.objects.values_list("country", flat=True).get(pk=current_shop_id())
        number = normalise(statement.phone, country).e164
        if number is None:
            return [InvalidField(name="phone", code="invalid_format", reason="no phone number with its calling code")]
        statement.phone = number
    if statement.email:
        statement.email = addresses.normal_email(statement.email)
    return list(statement.problems()) or statement


def _speaks_of(name: str, channel: Channel) -> bool:
    """Whether a contact named so is named by an address of the channel."""
    return name == "email" if channel is Channel.EMAIL else name == "phone"


def _holders(names: Iterable[tuple[str, Any]]) -> dict[tuple[str, Any], list[int]]:
    """(name, value) → the contacts it means, the oldest first; one query a kind of name."""
    wanted: dict[str, set[Any]] = defaultdict(set)
    for name, value in names:
        wanted[name].add(value)
    found: dict[tuple[str, Any], list[int]] = defaultdict(list)
    secret = addresses.shop_secret(current_shop_id())
    contacts = Contact.objects.filter(deleted_at=None).order_by("pk")
    for name, values in wanted.items():
        column = {"contact_id": "pk", "email": "email_key", "phone": "phone_key"}.get(name, name)
        hashing = {"email": addresses.email_key, "phone": addresses.phone_key}.get(name)
        keys: dict[Any, Any] = {hashing(secret, value) if hashing else value: value for value in values}
        for pk, held in contacts.filter(**{f"{column}__in": list(keys)}).values_list("pk", column):
            found[name, keys[bytes(held) if hashing else held]].append(pk)
    return found


def _result(position: int, event: ConsentEvent, result: ConsentResult) -> StatementResult:
    return StatementResult(
        position=position,
        outcome=result.outcome,
        contact_id=event.contact_id,
        channel=event.channel,
        state=result.state,
        refusal_code=result.refusal_code,
        ledger_id=result.ledger_id,
    )


class Unsubscribed(Schema):
    model_config = ConfigDict(extra="forbid")

    emails: Annotated[list[Address], Field(min_length=1, max_length=MOST)]


class UnsubscribedOut(Schema):
    contacts: int = Field(description="How many contacts hold one of the addresses.")
    unknown: list[str] = Field(description="Addresses that nobody holds; they are suppressed all the same.")


@router.post(
    "/emails/unsubscribed/add",
    response=UnsubscribedOut,
    auth=Scope("consent.unsubscribe"),
    summary="Unsubscribe e-mail addresses",
    operation_id="unsubscribe_emails",
)
def unsubscribe_emails(request: ApiRequest, payload: Unsubscribed) -> dict[str, Any]:
    """By address, for every contact that holds it, e-mail alone. There is no way to take it back but the person's own."""
    wanted = list(dict.fromkeys(addresses.normal_email(one) for one in payload.emails))
    holders = _holders(("email", one) for one in wanted)
    actor = Actor("staff", f"api:{request.api_token.pk}")
    counts = suppressions.suppress(
        [suppressions.Address(False, one) for one in wanted], kind="OPT_OUT", source="api", actor=actor
    )
    return {"contacts": counts.contacts, "unknown": [one for one in wanted if ("email", one) not in holders]}
