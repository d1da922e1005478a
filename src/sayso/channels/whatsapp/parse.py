"""Meta's webhook deliveries → :mod:`.types`.

A delivery holds up to 1000 updates, spread over entries, changes and lists inside. :func:`split` takes it apart into
changes, each processed on its own; :func:`parse_change` reads one. Only a body that is no JSON raises: unknown keys,
unknown types and missing keys end in ``Parsed.unknown`` or as None, never as an exception.
"""

from __future__ import annotations

from typing import Any

from sayso.channels.json import Unreadable, decode, digits, mapping, mappings, moment, text

from .errors import failure
from .types import (
    AccountChange,
    Change,
    InboundMessage,
    Parsed,
    Person,
    PreferenceChange,
    StatusUpdate,
    TemplateChange,
    UserIdChange,
)

__all__ = ["Unreadable", "parse_change", "split"]

STATUSES = frozenset({"sent", "delivered", "read", "played", "failed"})
_MEDIA = frozenset({"image", "video", "audio", "voice", "document", "sticker"})
_TEMPLATE_FIELDS = frozenset(
    {
        "message_template_status_update",
        "message_template_quality_update",
        "message_template_components_update",
        "template_category_update",
    }
)
_ACCOUNT_FIELDS = frozenset(
    {
        "phone_number_quality_update",
        "phone_number_name_update",
        "business_capability_update",
        "account_update",
        "account_alerts",
        "account_review_update",
        "security",
        "business_username_update",
    }
)


def split(body: bytes) -> list[Change]:
    """The changes of one delivery, in their order. Raises :class:`Unreadable` if the body is no JSON."""
    document = mapping(decode(body))
    changes = []
    for entry in _items(document, "entry"):
        waba_id = text(mapping(entry).get("id"))
        for change in _items(mapping(entry), "changes"):
            value = mapping(change).get("value")
            field = text(mapping(change).get("field")) or ""
            known = isinstance(value, dict)
            inside = mapping(value)
            number = digits(mapping(inside.get("metadata")).get("phone_number_id"))
            changes.append(Change(field if known else "", inside, waba_id, number, raw=change))
    return changes


def _items(holder: dict[str, Any], key: str) -> list[Any]:
    items = holder.get(key)
    return items if isinstance(items, list) else []


def parse_change(change: Change) -> Parsed:
    """Everything one change says."""
    parsed = Parsed(change.phone_number_id, change.waba_id)
    value = change.value
    if not change.field:
        parsed.unknown.append(("change", change.raw))
        return parsed
    people = _People(mappings(value.get("contacts")))
    # The lists are read whatever the field is called: Meta has moved them between fields before.
    for item in _items(value, "messages"):
        _message(item, people, parsed)
    for item in _items(value, "statuses"):
        _status(item, people, parsed)
    for item in _items(value, "user_preferences"):
        _preference(item, people, parsed)
    for item in _items(value, "user_id_update"):
        _user_id(item, parsed)
    parsed.errors.extend(failure(error) for error in _items(value, "errors"))
    if change.field in _TEMPLATE_FIELDS:
        _template(value, parsed)
    elif change.field in _ACCOUNT_FIELDS:
        parsed.accounts.append(
            AccountChange(
                topic=change.field,
                event=text(value.get("event")) or text(value.get("decision")),
                display_number=text(value.get("display_phone_number")) or text(value.get("phone_number")),
                limit=text(value.get("current_limit")) or text(value.get("max_daily_conversations_per_business")),
                raw=value,
            )
        )
    elif change.field not in {"messages", "user_preferences", "user_id_update"}:
        parsed.unknown.append((change.field, value))
    return parsed


class _People:
    """The ``contacts`` of a change, found by either id: a message may carry one of them, the contact both."""

    def __init__(self, contacts: list[dict[str, Any]]) -> None:
        self._all = [_person(contact) for contact in contacts]
        self._by_id = {key: person for person in self._all for key in (person.wa_id, person.bsuid) if key}

    def find(self, wa_id: str | None, bsuid: str | None, parent_bsuid: str | None = None) -> Person:
        """Who is meant by these ids, with what the contact adds. Ids given here win over the contact's."""
        found = self._by_id.get(bsuid or "") or self._by_id.get(wa_id or "")
        if found is None and not wa_id and not bsuid and len(self._all) == 1:
            found = self._all[0]  # an item without any id can only mean the one contact there is
        if found is None:
            return Person(wa_id, bsuid, parent_bsuid)
        return Person(
            wa_id or found.wa_id, bsuid or found.bsuid, parent_bsuid or found.parent_bsuid, found.name, found.username
        )


def _person(contact: dict[str, Any]) -> Person:
    profile = mapping(contact.get("profile"))
    return Person(
        wa_id=digits(contact.get("wa_id")),
        bsuid=text(contact.get("user_id")),
        parent_bsuid=text(contact.get("parent_user_id")),
        name=text(profile.get("name")),
        username=text(profile.get("username")),
    )


def _message(item: Any, people: _People, parsed: Parsed) -> None:
    message = mapping(item)
    sender = people.find(
        digits(message.get("from")), text(message.get("from_user_id")), text(message.get("from_parent_user_id"))
    )
    message_id, kind = text(message.get("id")), text(message.get("type")) or "unknown"
    if message_id is None or not (sender.wa_id or sender.bsuid):
        parsed.unknown.append(("message", item))
        return
    if kind == "system":
        _system(message, sender, parsed)
        return
    content = mapping(message.get(kind))
    words, payload, answered = _words(kind, content)
    parsed.messages.append(
        InboundMessage(
            id=message_id,
            kind=kind,
            sender=sender,
            at=moment(message.get("timestamp")),
            text=words,
            payload=payload,
            reply_to=answered or text(mapping(message.get("context")).get("id")),
            media=content if kind in _MEDIA else None,
            raw=message,
        )
    )


def _words(kind: str, content: dict[str, Any]) -> tuple[str | None, str | None, str | None]:
    """(text, payload, the message it answers) of a message's content."""
    if kind == "text":
        return text(content.get("body")), None, None
    if kind == "button":  # a quick reply of a template
        return text(content.get("text")), text(content.get("payload")), None
    if kind == "interactive":
        reply = mapping(content.get("button_reply")) or mapping(content.get("list_reply"))
        if reply:
            return text(reply.get("title")), text(reply.get("id")), None
        form = mapping(content.get("nfm_reply"))
        return text(form.get("body")), text(form.get("response_json")), None
    if kind == "reaction":
        return text(content.get("emoji")), None, text(content.get("message_id"))
    return text(content.get("caption")), None, None


def _system(message: dict[str, Any], sender: Person, parsed: Parsed) -> None:
    """A notice in the thread. Those about a changed number or user id tell us where the person is now."""
    system = mapping(message.get("system"))
    if text(system.get("type")) not in {"user_changed_number", "user_changed_user_id", "customer_changed_number"}:
        parsed.unknown.append(("message.system", message))
        return
    parsed.user_id_changes.append(
        UserIdChange(
            previous_bsuid=sender.bsuid,
            current_bsuid=text(system.get("user_id")),
            wa_id=digits(system.get("wa_id")) or digits(system.get("new_wa_id")),
            previous_wa_id=sender.wa_id,
            at=moment(message.get("timestamp")),
            raw=message,
        )
    )


def _status(item: Any, people: _People, parsed: Parsed) -> None:
    status = mapping(item)
    message_id, name = text(status.get("id")), text(status.get("status"))
    if message_id is None or name not in STATUSES:
        parsed.unknown.append(("status", item))
        return
    errors = _items(status, "errors")
    pricing = mapping(status.get("pricing"))
    billable = pricing.get("billable")
    parsed.statuses.append(
        StatusUpdate(
            message_id=message_id,
            status=name,
            at=moment(status.get("timestamp")),
            recipient=people.find(
                digits(status.get("recipient_id")),
                text(status.get("recipient_user_id")),
                text(status.get("recipient_parent_user_id")),
            ),
            callback_data=text(status.get("biz_opaque_callback_data")),
            failure=failure(errors[0]) if errors else None,
            pricing_category=text(pricing.get("category")),
            billable=billable if isinstance(billable, bool) else None,
            raw=status,
        )
    )


def _preference(item: Any, people: _People, parsed: Parsed) -> None:
    preference = mapping(item)
    person = people.find(
        digits(preference.get("wa_id")), text(preference.get("user_id")), text(preference.get("parent_user_id"))
    )
    value = text(preference.get("value"))
    if value is None or not (person.wa_id or person.bsuid):
        parsed.unknown.append(("user_preference", item))
        return
    parsed.preferences.append(
        PreferenceChange(
            person=person,
            value=value.lower(),
            category=text(preference.get("category")),
            at=moment(preference.get("timestamp")),
            detail=text(preference.get("detail")),
            raw=preference,
        )
    )


def _user_id(item: Any, parsed: Parsed) -> None:
    update = mapping(item)
    ids = mapping(update.get("user_id"))
    previous, current = text(ids.get("previous")), text(ids.get("current"))
    if current is None and previous is None:
        parsed.unknown.append(("user_id_update", item))
        return
    parsed.user_id_changes.append(
        UserIdChange(previous, current, digits(update.get("wa_id")), moment(update.get("timestamp")), raw=update)
    )


def _template(value: dict[str, Any], parsed: Parsed) -> None:
    name = text(value.get("message_template_name"))
    if name is None:
        parsed.unknown.append(("template", value))
        return
    parsed.templates.append(
        TemplateChange(
            name=name,
            language=text(value.get("message_template_language")),
            provider_id=text(value.get("message_template_id")),
            status=text(value.get("event")),
            reason=text(value.get("reason")),
            category=text(value.get("new_category")),
            quality=text(value.get("new_quality_score")),
            raw=value,
        )
    )
