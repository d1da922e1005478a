"""A form as it is shown, and what somebody fills in on it."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from django.core.exceptions import ValidationError
from django.core.validators import validate_email

from sayso.consent import wordings
from sayso.consent.events import PHONE_CHANNELS, Channel
from sayso.consent.models import Topic, Wording
from sayso.contacts.phones import normalise
from sayso.shops.models import Shop

from .models import Form
from .texts import Words

HONEYPOT = "website"
"""A field that people do not see and programs fill in."""

UNPRINTABLE = re.compile(r"[\x00-\x1f\x7f]")


@dataclass(frozen=True)
class Showing:
    """A form in one language, with the wordings that stand now."""

    form: Form
    language: str
    wordings: dict[str, Wording]  # channel → wording, in the order of the form
    topics: list[Topic]

    @property
    def title(self) -> str:
        return self._own("title") or self.form.title

    @property
    def intro(self) -> str:
        return self._own("intro") or self.form.intro

    def _own(self, name: str) -> str:
        """What the form says in this very language."""
        text: str = self.form.translations.get(self.language, {}).get(name, "")
        return text

    @property
    def asks_phone(self) -> bool:
        return any(channel in PHONE_CHANNELS for channel in self.wordings)

    @property
    def asks_email(self) -> bool:
        return Channel.EMAIL in self.wordings


def showing(form: Form, language: str) -> Showing:
    """A channel without a wording in this language is not offered: nobody agrees to a text that was never written."""
    texts = wordings.current(form.purpose, language, form.channels)
    known = {topic.key: topic for topic in Topic.objects.filter(key__in=form.topics)} if form.topics else {}
    return Showing(
        form,
        language,
        {channel: texts[channel] for channel in form.channels if channel in texts},
        [known[key] for key in form.topics if key in known],
    )


@dataclass
class Filled:
    """What came back. ``errors`` maps a field to the name of a text; empty where all is well."""

    channels: list[str] = field(default_factory=list)
    topics: list[str] = field(default_factory=list)
    name: str = ""
    phone: str = ""  # as typed, and once read E.164
    email: str = ""
    errors: dict[str, str] = field(default_factory=dict)

    @property
    def addresses(self) -> dict[str, str]:
        """The ones that the ticked channels need, by kind."""
        return {kind: value for kind, value in (("phone", self.phone), ("email", self.email)) if value}


def read(data: Mapping[str, str], ticked: Mapping[str, Sequence[str]], shown: Showing, shop: Shop) -> Filled:
    """Read and check. ``ticked``: the values of the boxes ``channels`` and ``topics``. An address that no ticked channel
    needs is dropped: it was not given for anything."""
    filled = Filled(
        channels=[channel for channel in shown.wordings if channel in ticked["channels"]],
        topics=[topic.key for topic in shown.topics if topic.key in ticked["topics"]],
        name=_text(data.get("name", ""), 100) if shown.form.asks_name else "",
        phone=_text(data.get("phone", ""), 64),
        email=_text(data.get("email", ""), 320),
    )
    if not filled.channels:
        filled.errors["channels"] = "required_channel"
        return filled
    if shown.topics and not filled.topics:
        filled.errors["topics"] = "required_topic"
    _read_phone(filled, shop)
    _read_email(filled)
    return filled


def _read_phone(filled: Filled, shop: Shop) -> None:
    if not any(channel in PHONE_CHANNELS for channel in filled.channels):
        filled.phone = ""
    elif not filled.phone:
        filled.errors["phone"] = "required_phone"
    else:
        phone = normalise(filled.phone, shop.country)
        if phone.e164 is None:
            filled.errors["phone"] = "wrong_phone"
        else:
            filled.phone = phone.e164


def _read_email(filled: Filled) -> None:
    if Channel.EMAIL not in filled.channels:
        filled.email = ""
    elif not filled.email:
        filled.errors["email"] = "required_email"
    else:
        try:
            validate_email(filled.email)
        except ValidationError:
            filled.errors["email"] = "wrong_email"


def _text(value: str, longest: int) -> str:
    return UNPRINTABLE.sub(" ", value).strip()[:longest]


def missing_wordings(form: Form, words: Mapping[str, Words]) -> list[tuple[str, str]]:
    """(channel, language) for which the form lacks a text; ``words`` are those of its languages."""
    return [
        (channel, language)
        for language, have in ((one, wordings.current(form.purpose, one, form.channels)) for one in words)
        for channel in form.channels
        if channel not in have
    ]
