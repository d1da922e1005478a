"""What Shopify calls a consent, in our words. The tables are data: the code holds no further rule.

Source: Shopify, enums ``CustomerMarketingConsentState``, ``CustomerSmsMarketingState`` and
``CustomerEmailMarketingState``; features §6.2 and §6.4.
"""

from __future__ import annotations

from datetime import datetime

import msgspec

from sayso.consent.events import Channel, State

STATES: dict[str, State] = {
    "SUBSCRIBED": State.SUBSCRIBED,
    "PENDING": State.PENDING,
    "NOT_SUBSCRIBED": State.NOT_SUBSCRIBED,  # e-mail, and SMS before 2026-10
    "NEVER_SUBSCRIBED": State.NOT_SUBSCRIBED,  # WhatsApp, and SMS since 2026-10
    "UNSUBSCRIBED": State.UNSUBSCRIBED,
    "INVALID": State.INVALID,  # e-mail only
    "REDACTED": State.REDACTED,
}
STATES |= {value.lower(): state for value, state in STATES.items()}  # webhooks write lower case

EVENTS: dict[State, str] = {
    State.SUBSCRIBED: "SHOP_SUBSCRIBED",
    State.PENDING: "SHOP_PENDING",
    State.NOT_SUBSCRIBED: "SHOP_NOT_SUBSCRIBED",
    State.UNSUBSCRIBED: "SHOP_UNSUBSCRIBED",
    State.INVALID: "SHOP_INVALID",
    State.REDACTED: "REDACT",
}


class ConsentReading(msgspec.Struct, frozen=True, gc=False):
    """One consent of one customer as Shopify holds it.

    ``state`` is one of ours, never UNKNOWN: where Shopify says nothing there is no reading. ``at`` is when the customer
    acted (UTC), None where Shopify does not know. ``address`` is the number or e-mail address it was given for.
    """

    channel: Channel
    state: State
    at: datetime | None = None
    opt_in_level: str | None = None  # SINGLE_OPT_IN, CONFIRMED_OPT_IN, UNKNOWN
    collected_from: str | None = None  # SHOPIFY, OTHER
    address: str | None = None

    @property
    def event(self) -> str:
        """The event of the transition table that this reading is."""
        return EVENTS[self.state]


def reading(
    channel: Channel,
    value: str | None,
    at: datetime | None,
    opt_in_level: str | None,
    collected_from: str | None,
    *,
    address: str | None,
) -> ConsentReading | None:
    """A reading of Shopify's ``value``; None for null and for a value we do not know, which says nothing."""
    state = STATES.get(value) if value else None
    return None if state is None else ConsentReading(channel, state, at, opt_in_level, collected_from, address)
