"""What goes to and comes from the WhatsApp Cloud API, in our words. All times are aware, in UTC."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Literal

from .errors import Failure

Json = Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class TextMessage:
    """A free-form text, allowed in an open service window. ``to`` is a number (E.164 or digits), ``recipient`` a
    business-scoped user id; of the two Meta prefers ``to``. ``callback_data`` (≤ 512 characters) comes back in every
    status of the message: it carries our message id."""

    body: str
    to: str | None = None
    recipient: str | None = None
    reply_to: str | None = None  # the provider's id of the message that this one quotes
    preview_url: bool = False
    callback_data: str | None = None


@dataclass(frozen=True, slots=True)
class MediaMessage:
    """An image, document, audio or video in an open window, by ``link`` or by the ``media_id`` of an upload."""

    kind: Literal["image", "document", "audio", "video", "sticker"]
    to: str | None = None
    recipient: str | None = None
    link: str | None = None
    media_id: str | None = None
    caption: str | None = None
    filename: str | None = None
    reply_to: str | None = None
    callback_data: str | None = None


@dataclass(frozen=True, slots=True)
class TemplateMessage:
    """An approved template with its variables filled in, see :mod:`.components`."""

    name: str
    language: str
    to: str | None = None
    recipient: str | None = None
    components: tuple[Json, ...] = ()
    callback_data: str | None = None


Outgoing = TextMessage | MediaMessage | TemplateMessage


@dataclass(frozen=True, slots=True)
class Accepted:
    """The platform took the message. It says nothing of its arrival."""

    message_id: str  # wamid.…
    wa_id: str | None = None  # may differ from the number it was sent to
    bsuid: str | None = None
    message_status: str | None = None  # accepted, held_for_quality_assessment, paused


@dataclass(frozen=True, slots=True)
class Refused:
    """The platform answered that it did not take the message; ``failure`` says what to do about it."""

    failure: Failure
    http_status: int
    trace_id: str | None = None
    retry_after: float | None = None  # seconds, where the answer names them


@dataclass(frozen=True, slots=True)
class Change:
    """One ``change`` of a delivery, the unit in which deliveries are processed. A change that has not the documented
    shape has an empty ``field`` and stands in ``raw`` alone."""

    field: str
    value: dict[str, Any]
    waba_id: str | None = None
    phone_number_id: str | None = None
    raw: Any = None


@dataclass(frozen=True, slots=True)
class Person:
    """The other side, by whatever names Meta gives. Both ids may be missing, but not in one message."""

    wa_id: str | None = None  # digits; may differ from the E.164 number in Brazil, Mexico and Argentina
    bsuid: str | None = None  # business-scoped user id; changes with the number
    parent_bsuid: str | None = None
    name: str | None = None
    username: str | None = None


@dataclass(frozen=True, slots=True)
class InboundMessage:
    """A message from a person. ``text`` is what they wrote, or the label of the button they tapped; ``payload`` is the
    hidden value of that button or list row."""

    id: str
    kind: str  # text, button, interactive, image, reaction … as Meta names it
    sender: Person
    at: datetime | None
    text: str | None = None
    payload: str | None = None
    reply_to: str | None = None  # provider's id of the message this one answers
    media: Json | None = None
    raw: Json = field(default_factory=dict, repr=False)


@dataclass(frozen=True, slots=True)
class StatusUpdate:
    """What became of a message of ours. Reports come out of order, and more than once."""

    message_id: str
    status: str  # sent, delivered, read, played, failed
    at: datetime | None
    recipient: Person
    callback_data: str | None = None
    failure: Failure | None = None
    pricing_category: str | None = None
    billable: bool | None = None
    raw: Json = field(default_factory=dict, repr=False)


@dataclass(frozen=True, slots=True)
class PreferenceChange:
    """A person used WhatsApp's own switch for marketing messages of this number."""

    person: Person
    value: str  # stop, resume; others are kept and have no effect
    category: str | None
    at: datetime | None
    detail: str | None = None
    raw: Json = field(default_factory=dict, repr=False)


@dataclass(frozen=True, slots=True)
class UserIdChange:
    """A person's ids changed, mostly because their number did."""

    previous_bsuid: str | None
    current_bsuid: str | None
    wa_id: str | None
    at: datetime | None
    previous_wa_id: str | None = None
    raw: Json = field(default_factory=dict, repr=False)


@dataclass(frozen=True, slots=True)
class TemplateChange:
    """News of a template: its status, its quality or its category."""

    name: str
    language: str | None
    provider_id: str | None
    status: str | None = None  # APPROVED, REJECTED, PAUSED, DISABLED …
    reason: str | None = None
    category: str | None = None
    quality: str | None = None
    raw: Json = field(default_factory=dict, repr=False)


@dataclass(frozen=True, slots=True)
class AccountChange:
    """News of the number or the account: quality, limits, restrictions. ``event`` is Meta's own word."""

    topic: str  # the webhook's field
    event: str | None
    display_number: str | None
    limit: str | None
    raw: Json = field(default_factory=dict, repr=False)


@dataclass(frozen=True, slots=True)
class Parsed:
    """Everything one change said. What we could not read is in ``unknown``, with the reason, never lost."""

    phone_number_id: str | None
    waba_id: str | None
    messages: list[InboundMessage] = field(default_factory=list)
    statuses: list[StatusUpdate] = field(default_factory=list)
    preferences: list[PreferenceChange] = field(default_factory=list)
    user_id_changes: list[UserIdChange] = field(default_factory=list)
    templates: list[TemplateChange] = field(default_factory=list)
    accounts: list[AccountChange] = field(default_factory=list)
    errors: list[Failure] = field(default_factory=list)
    unknown: list[tuple[str, Any]] = field(default_factory=list)
