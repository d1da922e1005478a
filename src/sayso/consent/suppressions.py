"""Addresses that must not be messaged, by keyed hash (features §2.11): imported, looked up, exported, locally blocked.

A suppression outlives every contact that held the address. What people themselves say goes through
:func:`sayso.consent.record.record`, which suppresses too; here are the lists that come from elsewhere.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from typing import Literal

from django.core.exceptions import ValidationError
from django.core.validators import validate_email
from django.db import connection

from sayso.contacts import addresses
from sayso.contacts.apply import Actor
from sayso.contacts.models import Contact
from sayso.contacts.phones import PhoneStatus, normalise
from sayso.events.models import Event
from sayso.shops.tenancy import current_shop_id

from .events import Channel, ConsentEvent
from .models import Suppression
from .record import record

CHUNK = 5_000
LONGEST_LINE = 400

Kind = Literal["OPT_OUT", "LOCAL"]


@dataclass(frozen=True, slots=True)
class Address:
    """A phone number (E.164) or an e-mail address (lower case)."""

    is_phone: bool
    value: str


@dataclass(frozen=True, slots=True)
class Bad:
    """A line that is no address, with what is wrong about it."""

    line: int
    text: str
    reason: str


@dataclass(frozen=True, slots=True)
class Parsed:
    good: list[Address]
    bad: list[Bad]


@dataclass(frozen=True, slots=True)
class Counts:
    """``new`` addresses were not suppressed as this kind before; ``contacts`` hold one of them."""

    addresses: int = 0
    new: int = 0
    contacts: int = 0

    def __add__(self, other: Counts) -> Counts:
        return Counts(self.addresses + other.addresses, self.new + other.new, self.contacts + other.contacts)


def read(lines: Iterable[str], *, country: str) -> Parsed:
    """One address a line, the first column where a line has several; empty lines and a heading are passed over.

    ``country`` (ISO 3166-1 alpha-2) reads numbers without a calling code. Each address once.
    """
    good: dict[Address, None] = {}
    bad: list[Bad] = []
    for number, line in enumerate(lines, start=1):
        text = line.lstrip("\ufeff").replace(";", ",").replace("\t", ",").split(",")[0].strip().strip("\"'")
        if not text:
            continue
        found = _address(text, country)
        if isinstance(found, Address):
            good[found] = None
        elif number > 1 or any(character.isdigit() or character == "@" for character in text):
            bad.append(Bad(number, text[:LONGEST_LINE], found))
    return Parsed(list(good), bad)


def _address(text: str, country: str) -> Address | str:
    """The address, or why there is none."""
    if len(text) > LONGEST_LINE:
        return "too long for an address"
    if "@" in text:
        try:
            validate_email(text)
        except ValidationError:
            return "not an e-mail address"
        return Address(False, addresses.normal_email(text))
    if not any(character.isdigit() for character in text):
        return "neither a phone number nor an e-mail address"
    phone = normalise(text, country)
    if phone.e164 is None:
        return "a number without calling code" if phone.status is not PhoneStatus.IMPOSSIBLE else "no possible number"
    return Address(True, phone.e164)


def suppress(
    wanted: Iterable[Address], *, kind: Kind, source: str, reason: str = "", actor: Actor, at: datetime | None = None
) -> Counts:
    """Suppress addresses of the current shop; needs a transaction with it.

    An ``OPT_OUT`` is recorded for every contact that holds one, in all channels of the address. ``LOCAL`` blocks stay
    apart from consent and can be ended by :func:`release`. ``at``: when the opt-out was made; now where unknown.
    """
    at = at or datetime.now(UTC)
    todo = list(wanted)
    counts = sum(
        (
            _suppress(todo[start : start + CHUNK], kind, source, reason, actor, at)
            for start in range(0, len(todo), CHUNK)
        ),
        Counts(),
    )
    _tell(f"suppression.{kind.lower()}_added", actor, asdict(counts) | {"source": source, "reason": reason})
    return counts


def suppress_unheld(wanted: Mapping[Address, datetime], *, source: str, actor: Actor) -> None:
    """Keep addresses that no contact holds out of all channels of theirs, each since its own time."""
    with connection.cursor() as cursor:
        cursor.execute(
            "select coalesce(sum(consent_suppress(array[key], 'OPT_OUT', at, %s, '')), 0)::bigint"
            " from unnest(%s::bytea[], %s::timestamptz[]) as said(key, at)",
            [source, [key(address) for address in wanted], list(wanted.values())],
        )
        (new,) = cursor.fetchone()
    _tell("suppression.opt_out_added", actor, asdict(Counts(len(wanted), new)) | {"source": source, "reason": ""})


def _suppress(wanted: list[Address], kind: Kind, source: str, reason: str, actor: Actor, at: datetime) -> Counts:
    keys = {key(address): address for address in wanted}
    with connection.cursor() as cursor:
        cursor.execute("select consent_suppress(%s, %s, %s, %s, %s)", [list(keys), kind, at, source, reason])
        (new,) = cursor.fetchone()
    phones = Contact.objects.filter(phone_key__in=[key for key, one in keys.items() if one.is_phone])
    emails = Contact.objects.filter(email_key__in=[key for key, one in keys.items() if not one.is_phone])
    holders = [
        (contact_id, channel, bytes(held))
        for rows, channel, column in ((phones, Channel.SMS, "phone_key"), (emails, Channel.EMAIL, "email_key"))
        for contact_id, held in rows.values_list("pk", column)
    ]
    if kind == "OPT_OUT":
        record(
            (
                ConsentEvent(
                    contact_id=contact_id,
                    channel=channel,
                    event="OPT_OUT",
                    occurred_at=at,
                    source=source,
                    actor_kind=actor.kind,
                    address=keys[held].value,
                    evidence={"actor_id": actor.id, "reason": reason} if reason else {"actor_id": actor.id},
                )
                for contact_id, channel, held in holders
            ),
            report=False,
        )
    return Counts(len(keys), new, len({contact_id for contact_id, *_ in holders}))


def release(address: Address, *, actor: Actor, reason: str) -> bool:
    """End a local block; whether there was one. Nothing ends an opt-out but the person."""
    with connection.cursor() as cursor:
        cursor.execute("select consent_release(%s, %s)", [key(address), reason])
        (ended,) = cursor.fetchone()
    if ended:
        _tell("suppression.local_ended", actor, {"reason": reason})
    return ended


def look_up(text: str, *, country: str) -> list[Suppression]:
    """What stands against an address. Raises ValueError, saying why, for a text that is none."""
    found = _address(text.strip(), country)
    if not isinstance(found, Address):
        raise ValueError(found)
    return list(Suppression.objects.filter(address_key=key(found)).order_by("opted_out_at"))


def export() -> Iterator[tuple[str, str, str, str, str]]:
    """(address hash in hex, kind, since, ended, source), streamed; the addresses themselves are not known here."""
    rows = Suppression.objects.order_by("id").values_list("address_key", "kind", "opted_out_at", "ended_at", "source")
    for held, kind, since, ended, source in rows.iterator(chunk_size=10_000):
        yield bytes(held).hex(), kind, since.isoformat(), ended.isoformat() if ended else "", source


def key(address: Address) -> bytes:
    """The keyed hash by which the current shop knows an address."""
    secret = addresses.shop_secret(current_shop_id())
    return (addresses.phone_key if address.is_phone else addresses.email_key)(secret, address.value)


def _tell(kind: str, actor: Actor, data: dict) -> None:
    Event.objects.create(
        shop_id=current_shop_id(), kind=kind, occurred_at=datetime.now(UTC), actor_kind=actor.kind, actor_id=actor.id,
        origin="suppressions", data=data,
    )  # fmt: skip
