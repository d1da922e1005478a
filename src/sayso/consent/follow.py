"""What consent does when contacts appear, or get another address."""

from __future__ import annotations

from collections.abc import Sequence

from sayso.contacts.apply import Applied
from sayso.contacts.phones import PhoneStatus

from .events import PHONE_CHANNELS, ConsentEvent
from .record import record


def contacts_applied(applied: Sequence[Applied]) -> None:
    """Look at the addresses: one may be suppressed, an opt-in may have belonged to another, a number may be no number."""
    record(invalid_phones(applied), contacts=[result.contact_id for result in applied], report=False)


def invalid_phones(applied: Sequence[Applied]) -> list[ConsentEvent]:
    """The events for numbers that no country can have."""
    return [
        ConsentEvent(
            contact_id=result.contact_id,
            channel=channel,
            event="ADDRESS_INVALID",
            occurred_at=None,
            source="address",
            actor_kind="system",
        )
        for result in applied
        if result.phone_status is PhoneStatus.IMPOSSIBLE and (result.created or result.updated)
        for channel in PHONE_CHANNELS
    ]
