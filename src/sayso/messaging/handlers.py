"""Deliveries of the WhatsApp Cloud API, taken apart per person by intake, brought to where they belong."""

from __future__ import annotations

from collections.abc import Iterator

from sayso.channels.whatsapp.parse import parse_change, split
from sayso.channels.whatsapp.types import Parsed, UserIdChange
from sayso.intake.models import Delivery
from sayso.intake.registry import handler

from .ids import follow
from .models import Sender, Template
from .receive import prefer, receive
from .settle import settle


def _parsed(deliveries: list[Delivery]) -> Iterator[Parsed]:
    for delivery in deliveries:
        for change in split(bytes(delivery.body)):
            yield parse_change(change)


@handler("whatsapp", "messages")
def messages(shop_id: int, deliveries: list[Delivery]) -> None:
    by_number: dict[str | None, list] = {}
    renamed: list[UserIdChange] = []
    for parsed in _parsed(deliveries):
        renamed.extend(parsed.user_id_changes)  # a notice in the thread
        by_number.setdefault(parsed.phone_number_id, []).extend(parsed.messages)
    senders = dict(Sender.objects.filter(phone_number_id__in=by_number).values_list("phone_number_id", "pk"))
    follow(renamed)
    for number, inbound in by_number.items():
        receive(inbound, sender_id=senders.get(number or ""))


@handler("whatsapp", "user_preferences")
def preferences(shop_id: int, deliveries: list[Delivery]) -> None:
    prefer(change for parsed in _parsed(deliveries) for change in parsed.preferences)


@handler("whatsapp", "user_id_update")
def user_ids(shop_id: int, deliveries: list[Delivery]) -> None:
    follow(change for parsed in _parsed(deliveries) for change in parsed.user_id_changes)


@handler("whatsapp", "statuses")
def statuses(shop_id: int, deliveries: list[Delivery]) -> None:
    settle([update for parsed in _parsed(deliveries) for update in parsed.statuses])


@handler("whatsapp", "message_template_status_update", "template_category_update")
def templates(shop_id: int, deliveries: list[Delivery]) -> None:
    for parsed in _parsed(deliveries):
        for change in parsed.templates:
            news = {name: value for name, value in (("status", change.status), ("category", change.category)) if value}
            if news:
                Template.objects.filter(name=change.name, language=change.language or "").update(**news)
