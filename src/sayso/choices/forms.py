"""What staff fills in to set the public pages up."""

from __future__ import annotations

import re
from typing import Any
from urllib.parse import urlsplit

from django import forms
from django.core.exceptions import ValidationError

from sayso.consent.events import Channel
from sayso.consent.wordings import CHECKOUT, PURPOSES

from . import texts
from .models import Form

CHANNELS = {Channel.WHATSAPP.value: "WhatsApp", Channel.SMS.value: "SMS", Channel.EMAIL.value: "E-mail"}
LANGUAGE = re.compile(r"[a-z]{2,3}(-[A-Za-z0-9]{2,8})*")
MOST_ORIGINS = 20


def canonical_language(text: str) -> str:
    """``PT_br`` → ``pt-BR``; raises ValidationError for what is no language tag."""
    first, *rest = text.strip().replace("_", "-").split("-")
    tag = "-".join([first.lower(), *(part.upper() if len(part) == 2 else part.title() for part in rest)])
    if not LANGUAGE.fullmatch(tag) or len(tag) > 35:
        raise ValidationError("Write a language tag, like en, de or pt-BR.")
    return tag


class FormForm(forms.Form):
    """The content of a form; ``kind`` is settled when it is made."""

    kind = forms.ChoiceField(
        choices=[
            (Form.Kind.HOSTED.value, "A page of its own, or in a frame of the shop’s pages"),
            (Form.Kind.IN_STORE.value, "On a tablet in the shop"),
        ],
        widget=forms.RadioSelect,
        initial=Form.Kind.HOSTED.value,
        label="Where people fill it in",
    )
    title = forms.CharField(max_length=120, label="Heading", help_text="People read it above the form.")
    intro = forms.CharField(
        max_length=500, required=False, label="Introduction", widget=forms.Textarea(attrs={"rows": 3}),
        help_text="What they get, and how often.",
    )  # fmt: skip
    channels = forms.MultipleChoiceField(
        choices=list(CHANNELS.items()), widget=forms.CheckboxSelectMultiple, label="Channels",
        help_text="Each has a box and a wording of its own. No box is ever ticked beforehand.",
    )  # fmt: skip
    topics = forms.MultipleChoiceField(
        choices=[], required=False, widget=forms.CheckboxSelectMultiple, label="Topics",
        help_text="With topics, people choose at least one; without, they agree to all marketing of the channel.",
    )  # fmt: skip
    languages = forms.MultipleChoiceField(
        choices=[], widget=forms.CheckboxSelectMultiple, label="Languages",
        help_text="A visitor gets the language of the browser where the form has it, else the shop’s.",
    )  # fmt: skip
    asks_name = forms.BooleanField(required=False, label="Ask for the first name (people may leave it empty)")
    origins = forms.CharField(
        required=False, widget=forms.Textarea(attrs={"rows": 2}), label="Pages that may show it in a frame",
        help_text="One address a line, like https://shop.example. Nobody else can embed the form.",
    )  # fmt: skip
    place = forms.CharField(
        max_length=120, required=False, label="Place", help_text="Where the tablet stands; part of the proof."
    )

    def __init__(self, *args: Any, topics: list[tuple[str, str]], form: Form | None = None, **kwargs: Any) -> None:
        if form is not None:
            kwargs["initial"] = {name: getattr(form, name) for name in self.base_fields}
            kwargs["initial"]["origins"] = "\n".join(form.origins)
        super().__init__(*args, **kwargs)
        self.fields["topics"].choices = topics  # type: ignore[attr-defined]
        self.fields["languages"].choices = list(texts.languages().items())  # type: ignore[attr-defined]
        kind = form.kind if form else None
        if kind:
            del self.fields["kind"]
        if kind == Form.Kind.IN_STORE:
            del self.fields["origins"]
        if kind == Form.Kind.HOSTED:
            del self.fields["place"]
        if not topics:
            del self.fields["topics"]
        self.translated = form.languages if form and len(form.languages) > 1 else []
        for language in self.translated:
            self._add_translation(language, form.translations.get(language, {}) if form else {})

    def _add_translation(self, language: str, own: dict[str, str]) -> None:
        name = texts.languages().get(language, language)
        self.fields[f"title_{language}"] = forms.CharField(
            max_length=120, required=False, label=f"Heading in {name}", initial=own.get("title", "")
        )
        self.fields[f"intro_{language}"] = forms.CharField(
            max_length=500, required=False, label=f"Introduction in {name}", initial=own.get("intro", ""),
            widget=forms.Textarea(attrs={"rows": 2}), help_text="Empty: as above.",
        )  # fmt: skip

    @property
    def content(self) -> dict[str, Any]:
        """What was filled in, by the names that a form has."""
        cleaned = dict(self.cleaned_data)
        said = {
            language: {name: cleaned.pop(f"{name}_{language}") for name in ("title", "intro")}
            for language in self.translated
        }
        if said:
            cleaned["translations"] = {language: own for language, own in said.items() if any(own.values())}
        return cleaned

    def clean_origins(self) -> list[str]:
        """Bare origins; a host alone is read as https."""
        origins = []
        for line in self.cleaned_data["origins"].split():
            try:
                parts = urlsplit(line if "://" in line else f"https://{line}")
            except ValueError:  # brackets around what is no IPv6 address
                parts = urlsplit("")
            host = parts.netloc.lower()
            local = parts.hostname in ("localhost", "127.0.0.1")
            if not re.fullmatch(r"[a-z0-9.-]+(:\d{1,5})?", host) or parts.scheme not in ("https", "http"):
                raise ValidationError(f"“{line[:80]}” is not the address of a website. Write https://shop.example.")
            if parts.scheme == "http" and not local:
                raise ValidationError(f"“{line[:80]}” must begin with https://.")
            origins.append(f"{parts.scheme}://{host}")
        if len(origins) > MOST_ORIGINS:
            raise ValidationError(f"{MOST_ORIGINS} addresses at most.")
        return list(dict.fromkeys(origins))


class TopicForm(forms.Form):
    title = forms.CharField(max_length=120, label="Title", help_text="People read it on forms and their own page.")
    description = forms.CharField(
        max_length=500, required=False, label="Description", help_text="What is sent under it."
    )

    def clean_title(self) -> str:
        return " ".join(self.cleaned_data["title"].split())


class WordingForm(forms.Form):
    """A text is never changed: saving makes the next version."""

    purpose = forms.ChoiceField(choices=list(PURPOSES.items()), label="Shown at")
    channel = forms.ChoiceField(choices=list(CHANNELS.items()), label="Channel")
    language = forms.CharField(max_length=35, label="Language", help_text="A language tag, like en, de or pt-BR.")
    text = forms.CharField(
        max_length=5000, widget=forms.Textarea(attrs={"rows": 4}), label="Text",
        help_text="Word for word as people see it beside the box.",
    )  # fmt: skip
    valid_from = forms.DateTimeField(
        required=False, label="Shown since", widget=forms.DateTimeInput(attrs={"type": "datetime-local"}),
        help_text="Of a checkout text: when the checkout began to show it, in the shop’s time. Empty: now.",
    )  # fmt: skip

    def clean_language(self) -> str:
        return canonical_language(self.cleaned_data["language"])

    def clean(self) -> dict[str, Any]:
        cleaned = super().clean() or {}
        if cleaned.get("valid_from") and cleaned.get("purpose") != CHECKOUT:
            self.add_error("valid_from", "Our own forms show a text from the moment it is saved; leave this empty.")
        return cleaned


class PublicPagesForm(forms.Form):
    """Settings of the pages that people see."""

    controller_name = forms.CharField(
        max_length=200, required=False, label="Name", help_text="Who writes to people; empty: the shop’s name."
    )
    privacy_policy_url = forms.URLField(
        max_length=500, required=False, label="Privacy policy", assume_scheme="https",
        help_text="Its address. No form can be published without it.",
    )  # fmt: skip
    terms_url = forms.URLField(
        max_length=500, required=False, label="Terms", assume_scheme="https",
        help_text="Their address. No form can be published without it.",
    )  # fmt: skip
    brand_colour = forms.RegexField(
        r"^#[0-9a-fA-F]{6}$", required=False, label="Colour", widget=forms.TextInput(attrs={"placeholder": "#0a6b4d"}),
        help_text="Of buttons and links. Darkened or lightened as far as it must be to stay legible.",
        error_messages={"invalid": "Write a colour as # and six digits, like #0a6b4d."},
    )  # fmt: skip
    unsubscribe_mode = forms.ChoiceField(
        label="The unsubscribe link leads to",
        widget=forms.RadioSelect,
        choices=[
            ("ONE_CLICK", "One button that unsubscribes"),
            ("TWO_CLICKS", "A button, then the question why with the button that unsubscribes"),
            ("CATEGORIES", "The preference page with every channel and topic"),
        ],
    )
