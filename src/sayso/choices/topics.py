"""Subjects of marketing that people choose (features §2.10). They refine consent and never widen it."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from django.db.models import Q
from django.utils import timezone
from django.utils.text import slugify

from sayso.consent.events import Channel, ConsentEvent
from sayso.consent.models import LedgerEntry, Topic, TopicChoice
from sayso.events.models import Event
from sayso.shops.models import Shop
from sayso.shops.tenancy import current_shop_id

LONGEST_KEY = 64

Choices = Mapping[tuple[str, str], bool]
"""(channel, key of a topic) → wanted"""


def create(title: str, description: str = "", *, actor_id: str = "") -> Topic:
    """A topic of the current shop, with a key of its own made from the title.

    A key that anybody ever chose on is not given out again: who left *News* did not say anything about another *News*.
    """
    shop_id = current_shop_id()
    Shop.objects.select_for_update().get(pk=shop_id)  # of two at once the second sees the first's key
    base = slugify(title)[: LONGEST_KEY - 6] or "topic"
    like = Q(key=base) | Q(key__startswith=f"{base}-")
    taken = set(Topic.objects.filter(like).values_list("key", flat=True))
    chosen = Q(topic=base) | Q(topic__startswith=f"{base}-")
    taken |= set(TopicChoice.objects.filter(chosen).values_list("topic", flat=True).distinct())
    number = next(number for number in range(1, len(taken) + 2) if _numbered(base, number) not in taken)
    topic = Topic.objects.create(shop_id=shop_id, key=_numbered(base, number), title=title, description=description)
    _tell(topic, actor_id, created=True)
    return topic


def _numbered(base: str, number: int) -> str:
    return base if number == 1 else f"{base}-{number}"


def rename(topic: Topic, title: str, description: str, *, actor_id: str = "") -> None:
    """The key stays: campaigns and the ledger name it."""
    before = {"title": topic.title, "description": topic.description}
    topic.title, topic.description = title, description
    topic.save(update_fields=["title", "description"])
    _tell(topic, actor_id, before=before)


def delete(topic: Topic, *, actor_id: str = "") -> None:
    """Take a topic away. Contacts and what they chose stay, and mean nothing any more."""
    _tell(topic, actor_id, deleted=True)
    topic.delete()


def _tell(topic: Topic, actor_id: str, **data: Any) -> None:
    Event.objects.create(
        shop_id=topic.shop_id, kind="topic.changed", occurred_at=timezone.now(), actor_kind="staff", actor_id=actor_id,
        origin="settings", data={"key": topic.key, "title": topic.title} | data,
    )  # fmt: skip


def choices_of(contact_id: int) -> dict[tuple[str, str], bool]:
    """What a contact chose, ever."""
    rows = TopicChoice.objects.filter(contact_id=contact_id).values_list("channel", "topic", "wanted")
    return {(channel, key): wanted for channel, key, wanted in rows}


def effective(topics: Iterable[Topic], choices: Choices, channel: str) -> dict[str, bool]:
    """Key → whether the contact gets it on a channel: everything while nothing was chosen there, and after the first choice
    only what was switched on."""
    chose = any(chosen == channel for chosen, _ in choices)
    return {topic.key: choices.get((channel, topic.key), not chose) for topic in topics}


def events(
    contact_id: int,
    channel: Channel,
    wanted: Mapping[str, bool],
    choices: Choices,
    *,
    source: str,
    actor_kind: str,
    language: str | None = None,
    evidence: dict[str, Any] | None = None,
) -> list[ConsentEvent]:
    """The events that bring a contact's choices on a channel to ``wanted``: those that differ, and on the first choice all,
    because from then on silence means no."""
    first = not any(chosen == channel for chosen, _ in choices)
    if first and all(wanted.values()):
        return []
    now = timezone.now()
    return [
        ConsentEvent(
            contact_id, channel, "TOPIC_ON" if want else "TOPIC_OFF", now, source, actor_kind, topic=key,
            language=language, evidence=evidence or {},
        )
        for key, want in wanted.items()
        if first or choices.get((channel, key), False) != want
    ]  # fmt: skip


def declined_by_the_person(contact_id: int) -> set[tuple[str, str]]:
    """(channel, key) that the person themself switched off last: no staff action switches those on again."""
    last: dict[tuple[str, str], tuple[str, str]] = {}
    entries = LedgerEntry.objects.filter(contact_id=contact_id, event__in=("TOPIC_ON", "TOPIC_OFF")).exclude(
        outcome="REFUSED"
    )
    for channel, key, event, actor in entries.order_by("id").values_list("channel", "topic", "event", "actor_kind"):
        last[channel, key or ""] = (event, actor)
    return {where for where, (event, actor) in last.items() if event == "TOPIC_OFF" and actor == "customer"}
