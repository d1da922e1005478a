"""What every handler begins with: the body of a delivery, and its place among those of the same second."""

from __future__ import annotations

from typing import Any

from sayso.channels.json import Unreadable, decode
from sayso.intake.models import Delivery

from ..values import microseconds

Payload = dict[str, Any]


def payload(delivery: Delivery) -> Payload:
    """The body. Raises ValueError if it is no JSON object; the delivery is then tried again, and parked."""
    try:
        found = decode(bytes(delivery.body))
    except Unreadable as error:
        raise ValueError("the body is no JSON") from error
    if not isinstance(found, dict):
        raise ValueError("the body is no JSON object")
    return found


def sequence(delivery: Delivery) -> int:
    """Microseconds of the moment the store triggered it."""
    return microseconds(delivery.triggered_at or delivery.received_at)
