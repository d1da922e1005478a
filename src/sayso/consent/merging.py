"""Consent of contacts that become one, and are parted again: what was said of either holds for the strictest reading."""

from __future__ import annotations

from sayso.contacts.merge import Joined

from .events import Channel, ConsentEvent
from .record import record


def join(done: Joined) -> None:
    """One MERGE entry a channel for the survivor. Its addresses are looked at before, for it may have taken some over."""
    _unite(done.survivor_id, done.merged_id, done)


def part(done: Joined) -> None:
    """The other one comes back as strict as the merge made the survivor."""
    _unite(done.merged_id, done.survivor_id, done)


def _unite(contact_id: int, other_id: int, done: Joined) -> None:
    record([], contacts=[contact_id, other_id], report=False)
    event = ConsentEvent(
        contact_id=contact_id,
        channel=Channel.WHATSAPP,  # it concerns every channel
        event="MERGE",
        occurred_at=None,
        source="merge",
        actor_kind=done.actor.kind,
        merged=other_id,
        # Binds to the chain which other chain is the same person's.
        evidence={"merged_contact": str(other_id)},
    )
    record([event], report=False)
