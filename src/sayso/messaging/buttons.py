"""Quick-reply buttons that ask for no more marketing: which of a template's are, and how a tap is recognised.

Three ways, any of them is enough: the payload is :data:`sayso.consent.words.QUICK_REPLY_PAYLOAD`, which we send along
with every such button; the label is a stop word; the template declares the label (``Template.opt_out_buttons``), which
then decides alone for that template.
"""

from __future__ import annotations

from collections.abc import Collection

from django.db import connection

from sayso.consent.words import QUICK_REPLY_PAYLOAD, is_opt_out

from .models import Template


def quick_replies(template: Template) -> list[tuple[int, str]]:
    """(position among all buttons, label) of the quick-reply buttons."""
    buttons = next((part.get("buttons") for part in template.components if _kind(part) == "BUTTONS"), None) or []
    return [
        (position, str(button.get("text") or ""))
        for position, button in enumerate(buttons)
        if isinstance(button, dict) and _kind(button) == "QUICK_REPLY"
    ]


def opt_out_labels(template: Template) -> frozenset[str]:
    """The labels that opt out: the declared ones, else those that are stop words."""
    labels = [label for _, label in quick_replies(template)]
    if template.opt_out_buttons is not None:
        return frozenset(label.strip() for label in labels if label in template.opt_out_buttons)
    return frozenset(label.strip() for label in labels if is_opt_out(label))


def payloads(template: Template) -> dict[str, str]:
    """What a message of this template carries so that a tap tells itself: ``button.N.payload`` → the payload."""
    opting_out = opt_out_labels(template)
    return {
        f"button.{position}.payload": QUICK_REPLY_PAYLOAD
        for position, label in quick_replies(template)
        if label.strip() in opting_out
    }


def declared(provider_ids: Collection[str]) -> dict[str, frozenset[str]]:
    """Provider's message id → the labels that opt out, for messages whose template declares them itself."""
    if not provider_ids:
        return {}
    with connection.cursor() as cursor:
        cursor.execute(
            """select m.provider_id, m.template_id from message m
            join template t on t.shop_id = m.shop_id and t.id = m.template_id
            where m.provider_id = any(%s) and m.direction = 'OUT' and t.opt_out_buttons is not null""",
            [sorted(provider_ids)],
        )
        of_message = dict(cursor.fetchall())
    templates = Template.objects.in_bulk(set(of_message.values()))
    return {message: opt_out_labels(templates[template]) for message, template in of_message.items()}


def _kind(part: dict) -> str:
    return str(part.get("type", "")).upper()
