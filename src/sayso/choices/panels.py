"""What the room shows on a contact's profile: which topics it gets, by channel."""

from __future__ import annotations

from sayso.consent.events import Channel
from sayso.consent.models import Topic
from sayso.shops.pages import Panel

from . import topics
from .forms import CHANNELS


def profile(contact_id: int) -> Panel:
    """Each topic on each channel: on or off, whether anything was chosen at all, and what only the person may change."""
    known = list(Topic.objects.order_by("title", "id"))
    choices = topics.choices_of(contact_id) if known else {}
    declined = topics.declined_by_the_person(contact_id) if choices else set()
    channels = []
    for channel in Channel:
        wanted = topics.effective(known, choices, channel)
        lines = [(topic, wanted[topic.key], (channel.value, topic.key) in declined) for topic in known]
        chose = any(chosen == channel for chosen, _ in choices)
        channels.append((channel.value, CHANNELS[channel], chose, lines))
    return Panel("choices/panel.html", {"contact_id": contact_id, "known": known, "channels": channels})
