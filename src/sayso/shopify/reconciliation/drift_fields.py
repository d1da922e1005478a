"""Which delivery should have told of a difference, and how a difference is shown without naming anybody."""

from __future__ import annotations

from sayso.consent.events import Channel
from sayso.contacts.compare import Difference

CONSENT_TOPICS = {
    f"{Channel.WHATSAPP.value}_consent": "customers_whats_app_marketing_consent/update",
    f"{Channel.SMS.value}_consent": "customers_marketing_consent/update",
    f"{Channel.EMAIL.value}_consent": "customers_email_marketing_consent/update",
}
"""Field of a difference → topic."""

_FIGURES = frozenset({"orders_count", "total_spent", "last_order_at"})
_PERSONAL = frozenset({"first_name", "last_name", "email", "phone", "note", "address", "postcode", "city"})
_LONGEST = 255


def customer_topic(difference: Difference) -> str:
    """The topic on which the store tells of such a change of a customer."""
    if topic := CONSENT_TOPICS.get(difference.field):
        return topic
    if difference.field == "tags":
        gained = _tags(difference.told) - _tags(difference.held)
        return "customer.tags_added" if gained else "customer.tags_removed"
    if difference.field == "state":
        enabled = {"ENABLED": "customers/enable", "DISABLED": "customers/disable"}
        return enabled.get(difference.told or "", "customers/update")
    return "customers/purchasing_summary" if difference.field in _FIGURES else "customers/update"


def order_topic(difference: Difference) -> str:
    """The topic on which the store tells of such a change of an order."""
    if difference.field in {"cancelled_at", "cancel_reason"}:
        return "orders/cancelled"
    sent = {"FULFILLED": "orders/fulfilled", "PARTIALLY_FULFILLED": "orders/partially_fulfilled"}
    found = sent.get(difference.told or "") if difference.field == "fulfillment_status" else None
    return found or "orders/updated"


def shown(difference: Difference) -> tuple[str | None, str | None]:
    """Held and told, as a report may keep them: what names a person is shortened so that two values can be told apart
    by whoever knows them, and nobody else learns them."""
    values = (difference.held, difference.told)
    if difference.field in _PERSONAL:
        return _shortened(values[0]), _shortened(values[1])
    return tuple(value and value[:_LONGEST] for value in values)  # type: ignore[return-value]


def _shortened(value: str | None) -> str | None:
    if not value:
        return value
    if "@" in value:
        name, _, host = value.partition("@")
        return f"{name[:1]}…@{host[:1]}…{host.rpartition('.')[2][:6]}"
    if value.startswith("+"):
        return f"{value[:3]}…{value[-2:]}"
    return f"{value[:1]}… ({len(value)} characters)"


def _tags(value: str | None) -> set[str]:
    return set(value.split(", ")) if value else set()
