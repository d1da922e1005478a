"""Forms of *Words and replies*."""

from __future__ import annotations

from typing import Any

from django import forms
from django.forms import BaseFormSet, formset_factory

from sayso.consent.settings import Settings
from sayso.consent.words import normalise, stop_words, words

from . import texts
from .buttons import opt_out_labels, quick_replies
from .models import Template

MOST_WORDS, LONGEST_WORD = 200, 60
PURPOSES = {
    "OPT_OUT_ACK": (
        "After an opt-out",
        "Sent once, to who replied STOP or tapped the button, inside the open conversation.",
    ),
    "CONFIRMATION": (
        "Asking to confirm",
        "Where double opt-in is on. It has to ask for YES; YES in any language counts.",
    ),
    "NOTICE": ("Welcome", "Where new subscribers are told how to stop. Only inside an open conversation."),
}


class WordList(forms.CharField):
    """Words or short phrases, one a line; repetitions and empty lines are dropped."""

    def __init__(self, **options: Any) -> None:
        super().__init__(required=False, widget=forms.Textarea(attrs={"rows": 4, "spellcheck": "false"}), **options)

    def to_python(self, value: Any) -> list[str]:  # type: ignore[override]
        lines = [" ".join(line.split()) for line in str(value or "").splitlines()]
        return list({normalise(line): line for line in reversed(lines) if line}.values())[::-1]

    def prepare_value(self, value: Any) -> Any:
        return "\n".join(value) if isinstance(value, list) else value

    def validate(self, value: list[str]) -> None:
        super().validate(value)
        if len(value) > MOST_WORDS:
            raise forms.ValidationError(f"These are {len(value)} lines; at most {MOST_WORDS} are kept.")
        for line in value:
            if len(line) > LONGEST_WORD:
                raise forms.ValidationError(f"“{line[:20]}…” is longer than {LONGEST_WORD} characters.")
            if not normalise(line):
                raise forms.ValidationError(f"“{line}” has no letter or digit that could be recognised.")

    def run_validators(self, value: Any) -> None:
        """Those of a single text do not fit a list."""


class WordsForm(forms.Form):
    """What people may reply, and whether they are answered."""

    opt_out_keywords = WordList(
        label="More words that opt out",
        help_text="One a line. The built-in words of all languages always count and cannot be removed.",
    )
    opt_in_keywords = WordList(
        label="Words that opt in",
        help_text="Off while empty. Only the customer’s own reply counts, such as START after a STOP.",
    )
    ack_whatsapp = forms.BooleanField(required=False, label="Acknowledge an opt-out on WhatsApp")
    ack_sms = forms.BooleanField(required=False, label="Acknowledge an opt-out by SMS")
    confirmation_template = forms.ChoiceField(
        required=False,
        label="Template that asks to confirm",
        help_text="For double opt-in with people who have not written within 24 hours. Variables: 1 shop name, 2 first name,"
        " 3 link.",
    )

    def __init__(self, *args: Any, templates: list[Template], **options: Any) -> None:
        super().__init__(*args, **options)
        names = {one.name for one in templates if one.status == "APPROVED" and one.category != "MARKETING"}
        chosen = self.initial.get("confirmation_template")
        choices = [("", "None: only inside an open conversation"), *((name, name) for name in sorted(names))]
        if chosen and chosen not in names:
            choices.append((chosen, f"{chosen} (not approved now)"))
        field = self.fields["confirmation_template"]
        assert isinstance(field, forms.ChoiceField)
        field.choices = choices

    def clean_opt_out_keywords(self) -> list[str]:
        taken = words("yes") | words("start") | words("polite")
        for line in self.cleaned_data["opt_out_keywords"]:
            if normalise(line) in taken:
                raise forms.ValidationError(f"“{line}” says yes, starts, or greets; it cannot opt out.")
        return self.cleaned_data["opt_out_keywords"]

    def clean_opt_in_keywords(self) -> list[str]:
        for line in self.cleaned_data["opt_in_keywords"]:
            if normalise(line) in stop_words():
                raise forms.ValidationError(f"“{line}” opts out, in some language; it cannot opt in.")
        return self.cleaned_data["opt_in_keywords"]

    def clean(self) -> dict[str, Any]:
        cleaned = super().clean() or {}
        both = {normalise(line) for line in cleaned.get("opt_out_keywords", [])} & {
            normalise(line) for line in cleaned.get("opt_in_keywords", [])
        }
        if both:
            self.add_error("opt_in_keywords", f"“{sorted(both)[0]}” cannot opt in and out.")
        return cleaned

    @staticmethod
    def from_settings(chosen: Settings) -> dict[str, Any]:
        return {
            "opt_out_keywords": chosen.opt_out_keywords,
            "opt_in_keywords": chosen.opt_in_keywords,
            "ack_whatsapp": chosen.opt_out_ack.get("whatsapp", False),
            "ack_sms": chosen.opt_out_ack.get("sms", False),
            "confirmation_template": chosen.confirmation_template,
        }

    def values(self, chosen: Settings) -> dict[str, Any]:
        """As :func:`sayso.consent.settings.change` takes them."""
        given = self.cleaned_data
        return {
            "opt_out_keywords": given["opt_out_keywords"],
            "opt_in_keywords": given["opt_in_keywords"],
            "opt_out_ack": dict(chosen.opt_out_ack) | {"whatsapp": given["ack_whatsapp"], "sms": given["ack_sms"]},
            "confirmation_template": given["confirmation_template"],
        }


class TextForm(forms.Form):
    """One text in one language. Without text the row is dropped."""

    language = forms.RegexField(
        r"^[A-Za-z]{2,3}(-[A-Za-z0-9]{2,8})*$",
        required=False,
        max_length=35,
        label="Language",
        widget=forms.TextInput(attrs={"placeholder": "de, pt-BR", "spellcheck": "false"}),
        error_messages={"invalid": "Write a language code such as de or pt-BR."},
    )
    text = forms.CharField(required=False, max_length=1000, label="Text", widget=forms.Textarea(attrs={"rows": 2}))

    def clean(self) -> dict[str, Any]:
        cleaned = super().clean() or {}
        if cleaned.get("text") and not cleaned.get("language") and "language" not in self.errors:
            self.add_error("language", "Name the language of this text.")
        return cleaned


class Texts(BaseFormSet):
    """The shop's texts of one purpose; no language twice."""

    def clean(self) -> None:
        seen: set[str] = set()
        for form in self.forms:
            language = (form.cleaned_data.get("language") or "").lower()
            if form.cleaned_data.get("text") and language in seen:
                form.add_error("language", "There is a text in this language already.")
            seen.add(language)

    def values(self) -> dict[str, str]:
        return {
            form.cleaned_data["language"]: form.cleaned_data["text"].strip()
            for form in self.forms
            if form.cleaned_data.get("text", "").strip()
        }


TextSet = formset_factory(TextForm, formset=Texts, extra=1, max_num=60)


def text_sets(chosen: Settings, data: Any = None) -> dict[str, Texts]:
    """Purpose → its texts as a formset, with an empty row at the end."""
    return {
        purpose: TextSet(  # type: ignore[misc]
            data,
            prefix=purpose.lower(),
            initial=[
                {"language": language, "text": text}
                for language, text in sorted(getattr(chosen, texts.OWN_TEXTS[purpose]).items())
            ],
        )
        for purpose in PURPOSES
    }


def button_choices(templates: list[Template]) -> list[tuple[Template, list[tuple[int, str, bool]]]]:
    """Templates with quick replies: (position, label, whether it opts out) of each button."""
    found = []
    for template in templates:
        opting_out = opt_out_labels(template)
        buttons = [(position, label, label.strip() in opting_out) for position, label in quick_replies(template)]
        if buttons and template.status != "DELETED":
            found.append((template, buttons))
    return found
