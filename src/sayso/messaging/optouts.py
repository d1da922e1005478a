"""Opt-outs that come with an address instead of a contact: an SMS provider's report or blacklist, for one.

Every such route calls :func:`opt_out`; none has a way of its own.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

from django.db import connection

from sayso.consent.events import PHONE_CHANNELS, Channel, ConsentEvent, Outcome
from sayso.consent.record import record
from sayso.contacts import addresses
from sayso.contacts.apply import Actor, apply
from sayso.contacts.changes import ContactChange, Profile, Source
from sayso.shops.tenancy import current_shop_id

SMS_OPT_OUT_CODES = frozenset({302, 412})
"""Delivery codes *destination blocked* of the SMS provider: an opt-out where its blacklist confirms the number. Source:
Sinch MessageMedia, *Delivery reports, status codes*; features §15.2."""


@dataclass(frozen=True, slots=True)
class AddressOptOut:
    """Somebody at this address wants no more marketing.

    ``address``: a number with its calling code (E.164; spaces and a missing ``+`` are forgiven), or an e-mail. ``at``:
    when the person asked, None where nobody says. ``evidence``: what can name the person, such as the reply's text.
    """

    channel: Channel
    address: str
    at: datetime | None
    source: str
    actor_kind: str = "provider"
    evidence: dict[str, Any] = field(default_factory=dict)


def opt_out(requests: Iterable[AddressOptOut]) -> list[Outcome]:
    """Record the opt-outs of the current shop; answers what the ledger made of them. Needs a transaction with a shop.

    In a phone channel the oldest holder stands for all: the door spreads an opt-out to both phone channels and to
    everybody who holds the number. An address that nobody holds becomes a minimal contact, so that it stays opted out.
    """
    asked = [(one, _address(one)) for one in requests]
    if not asked:
        return []
    found = _holders([address for _, address in asked])
    strangers = list(dict.fromkeys(address for _, address in asked if address not in found))
    made = apply(
        [
            ContactChange(
                source=Source.INBOUND,
                at=datetime.now(UTC),
                profile=Profile(**{"email" if "@" in address else "phone": address}),
            )
            for address in strangers
        ],
        actor=Actor("provider"),
    )
    found |= {address: [applied.contact_id] for address, applied in zip(strangers, made, strict=True)}
    return record(
        ConsentEvent(
            contact_id=contact_id,
            channel=one.channel,
            event="OPT_OUT",
            occurred_at=one.at,
            source=one.source,
            actor_kind=one.actor_kind,
            address=address,
            evidence=one.evidence,
        )
        for one, address in asked
        for contact_id in (found[address][:1] if one.channel in PHONE_CHANNELS else found[address])
    )


def _holders(wanted: list[str]) -> dict[str, list[int]]:
    """Address → the contacts that have it, the oldest first; addresses that nobody has are missing."""
    secret = addresses.shop_secret(current_shop_id())
    keys = {
        address: addresses.email_key(secret, address) if "@" in address else addresses.phone_key(secret, address)
        for address in wanted
    }
    by_key: dict[bytes, list[int]] = {}
    with connection.cursor() as cursor:
        for column in ("phone_key", "email_key"):
            cursor.execute(
                f"select {column}, id from contact where shop_id = current_shop() and {column} = any(%s::bytea[])"  # noqa: S608
                " and redacted_at is null order by id",
                [list(keys.values())],
            )
            for key, contact_id in cursor.fetchall():
                by_key.setdefault(bytes(key), []).append(contact_id)
    return {address: by_key[key] for address, key in keys.items() if key in by_key}


def _address(request: AddressOptOut) -> str:
    if request.channel not in PHONE_CHANNELS:
        return request.address.strip().lower()
    return "+" + "".join(character for character in request.address if character.isdecimal())
