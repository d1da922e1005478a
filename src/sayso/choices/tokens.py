"""What the addresses of public pages carry: signed, so that nobody makes one up, and without any address of a person.

Signed with Django's signer (HMAC-SHA256 under ``SAYSO_SECRET_KEY``, reading ``SAYSO_SECRET_KEY_FALLBACKS`` too), a salt
a purpose, so that a token made for one page opens no other. A token of the preference page does not expire: features §6.11.
"""

from __future__ import annotations

import secrets
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

from django.core import signing

from sayso.consent.events import Channel

LETTERS = {"w": Channel.WHATSAPP, "s": Channel.SMS, "e": Channel.EMAIL}
INITIALS = {channel: letter for letter, channel in LETTERS.items()}
LONGEST = 400
"""Characters; whatever is longer is none of ours and is not looked at."""

CONFIRM_WITHIN = timedelta(days=7)
FORM_FOR = timedelta(hours=12)
KIOSK_FOR = timedelta(hours=16)


class Refused(Exception):
    """The token was not made here, or is of another page, or has run out."""


@dataclass(frozen=True)
class Person:
    """Whose page it is, by which channel the link went out, and to which address (the start of its keyed hash)."""

    shop_id: int
    contact_id: int
    channel: Channel
    address: str


@dataclass(frozen=True)
class Confirmation:
    """Which opt-in a link confirms: that of a moment, for an address (the start of its keyed hash)."""

    shop_id: int
    contact_id: int
    channel: Channel
    opt_in_at: datetime
    address: str


@dataclass(frozen=True)
class Shown:
    """What a form showed when it was opened; comes back with what was filled in."""

    shop_id: int
    form_id: int
    version: int
    language: str
    wordings: Mapping[str, str]  # channel → name of the wording
    page: str  # where it was shown
    nonce: str


@dataclass(frozen=True)
class Kiosk:
    """An in-store form that a member of staff opened at a place."""

    shop_id: int
    form_id: int
    user_id: int
    place: str


def _signer(purpose: str) -> signing.Signer:
    return signing.Signer(salt=f"sayso.choices.{purpose}", sep=".")


def _unsign(purpose: str, token: str) -> str:
    if len(token) > LONGEST:
        raise Refused
    try:
        return _signer(purpose).unsign(token)
    except signing.BadSignature:
        raise Refused from None


def write_person(person: Person) -> str:
    letter = INITIALS[person.channel]
    return _signer("person").sign(f"{person.shop_id}-{person.contact_id}-{letter}-{person.address}")


def read_person(token: str) -> Person:
    """Raises Refused."""
    shop, contact, letter, address = _unsign("person", token).split("-")
    return Person(int(shop), int(contact), LETTERS[letter], address)


_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


def address_mark(address_key: bytes | memoryview | None) -> str:
    """The start of an address's keyed hash: enough to tell two addresses apart, too little to say which."""
    return bytes(address_key or b"")[:6].hex()


def write_confirmation(one: Confirmation) -> str:
    microseconds = (one.opt_in_at - _EPOCH) // timedelta(microseconds=1)
    body = f"{one.shop_id}-{one.contact_id}-{INITIALS[one.channel]}-{microseconds}-{one.address}"
    return _signer("confirmation").sign(body)


def read_confirmation(token: str) -> Confirmation:
    """Raises Refused for a token that is none; whether it still counts is a question for the state of consent."""
    shop, contact, letter, microseconds, address = _unsign("confirmation", token).split("-")
    at = _EPOCH + timedelta(microseconds=int(microseconds))
    return Confirmation(int(shop), int(contact), LETTERS[letter], at, address)


def _dump(purpose: str, value: dict[str, Any]) -> str:
    return signing.dumps(value, salt=f"sayso.choices.{purpose}")


def _load(purpose: str, token: str, max_age: timedelta) -> dict[str, Any]:
    if len(token) > 10 * LONGEST:
        raise Refused
    try:
        loaded: dict[str, Any] = signing.loads(token, salt=f"sayso.choices.{purpose}", max_age=max_age)
    except signing.BadSignature:  # also one that has run out
        raise Refused from None
    return loaded


def write_shown(shop_id: int, form_id: int, version: int, language: str, wordings: Mapping[str, str], page: str) -> str:
    value = {"s": shop_id, "f": form_id, "v": version, "l": language, "w": dict(wordings), "p": page}
    return _dump("form", value | {"n": secrets.token_urlsafe(9)})


def read_shown(token: str) -> Shown:
    """Raises Refused; the form is then to be opened afresh."""
    value = _load("form", token, FORM_FOR)
    return Shown(value["s"], value["f"], value["v"], value["l"], value["w"], value["p"], value["n"])


def write_kiosk(kiosk: Kiosk) -> str:
    return _dump("kiosk", {"s": kiosk.shop_id, "f": kiosk.form_id, "u": kiosk.user_id, "p": kiosk.place})


def read_kiosk(token: str) -> Kiosk:
    """Raises Refused, also when the working day is over."""
    value = _load("kiosk", token, KIOSK_FOR)
    return Kiosk(value["s"], value["f"], value["u"], value["p"])
