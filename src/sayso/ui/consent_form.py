"""The form of Settings → Consent: every decision a shop takes about consent, but for texts, words and topics."""

from __future__ import annotations

from typing import Any, ClassVar

import msgspec
from django import forms
from django.core.validators import URLValidator

from sayso.consent.inferred import LAWFUL
from sayso.consent.models import Wording
from sayso.consent.settings import Settings

from . import words

CONFIRMATIONS = [
    ("NONE", "Nothing more is asked"),
    ("NOTICE", "They are told that they are subscribed, and how to stop"),
    ("DOUBLE", "They are asked to confirm; until they do, nothing else is sent"),
]
DOUBLE_SOURCES = {
    "shopify": "Shopify: checkout, store forms, Shopify admin",
    "guest_checkout": "Checkout as a guest",
    "hosted_form": "Our hosted form",
    "preference_centre": "The preference page",
    "bis_widget": "Back-in-stock widget",
    "keyword": "Reply with an opt-in word",
}
"""Ways by which people opt in themselves; staff, imports and the in-store form have rules of their own."""


NO_WEB_ADDRESS = "Write an address that begins with https://."


class WebAddress(forms.URLField):
    """An address of a page: http or https, nothing else that browsers open."""

    default_error_messages: ClassVar = {"invalid": NO_WEB_ADDRESS}
    default_validators: ClassVar = [URLValidator(schemes=["http", "https"], message=NO_WEB_ADDRESS)]  # type: ignore[misc]


class ConsentForm(forms.Form):
    """Reads and writes :class:`sayso.consent.settings.Settings`; :meth:`values` is what ``settings.change`` takes."""

    primary_channel = forms.ChoiceField(
        label="Primary channel",
        choices=list(words.CHANNELS.items()),
        help_text="Its state stands for the whole contact: in the list of contacts, on the profile, on the dashboard.",
    )
    consent_option = forms.ChoiceField(
        widget=forms.RadioSelect, choices=[("EXPLICIT", "Explicit"), ("INFERRED", "Inferred")], label="Consent to SMS"
    )
    lawful = forms.BooleanField(required=False, label=LAWFUL)
    phone_consent_covers_whatsapp = forms.BooleanField(
        required=False, label="An opt-in at the checkout counts for WhatsApp, too"
    )
    resubscribe_needs_confirmation = forms.BooleanField(
        required=False,
        label="Whoever comes back after an opt-out must confirm",
        help_text="Recommended. A form that somebody else filled in then cannot lift an opt-out.",
    )
    utility_without_marketing_opt_in = forms.BooleanField(
        required=False,
        label="Send order and account messages without a marketing opt-in",
        help_text="Messages of the category utility only, to people who never refused. After an opt-out they stop as well.",
    )
    opt_in_confirmation_whatsapp = forms.ChoiceField(label="WhatsApp", choices=CONFIRMATIONS)
    opt_in_confirmation_sms = forms.ChoiceField(label="SMS", choices=CONFIRMATIONS)
    opt_in_confirmation_email = forms.ChoiceField(label="E-mail", choices=CONFIRMATIONS)
    double_from = forms.ChoiceField(
        widget=forms.RadioSelect,
        label="Where a confirmation is asked for, ask",
        choices=[("all", "wherever the opt-in came from"), ("some", "only if it came from")],
    )
    double_opt_in_sources = forms.MultipleChoiceField(
        required=False,
        widget=forms.CheckboxSelectMultiple,
        choices=list(DOUBLE_SOURCES.items()),
        label="Sources whose opt-ins must be confirmed",
    )
    controller_name = forms.CharField(
        required=False, max_length=200, label="Who is responsible for the data",
        help_text="Stands on forms, on the preference page and in every proof. Empty: the name of the shop.",
    )  # fmt: skip
    controller_contact = forms.CharField(
        required=False, max_length=500, label="How to reach them", widget=forms.Textarea(attrs={"rows": 2}),
        help_text="An address, e-mail or phone number for questions about privacy.",
    )  # fmt: skip
    privacy_policy_url = WebAddress(
        required=False, max_length=500, label="Privacy policy", assume_scheme="https",
        help_text="Forms need it: without it none is shown.",
    )  # fmt: skip
    terms_url = WebAddress(required=False, max_length=500, label="Terms", assume_scheme="https")
    brand_colour = forms.RegexField(
        regex=r"^#[0-9a-fA-F]{6}$",
        required=False,
        label="Colour of the public pages",
        widget=forms.TextInput(attrs={"placeholder": "#0a6b4d", "class": "short", "spellcheck": "false"}),
        error_messages={"invalid": "Write the colour as # and six digits, for example #0a6b4d."},
        help_text="For buttons on the form and the preference page.",
    )

    def __init__(self, *args: Any, current: Settings, owner: bool, **kwargs: Any) -> None:
        self.current, self.owner = current, owner
        super().__init__(*args, **({"initial": _initial(current)} | kwargs))
        self.names_whatsapp = Wording.objects.filter(purpose="checkout", channel="whatsapp").exists()

    @property
    def begins_to_infer(self) -> bool:
        return self.cleaned_data.get("consent_option") == "INFERRED" and self.current.consent_option != "INFERRED"

    def clean(self) -> dict[str, Any]:
        cleaned = super().clean() or {}
        if self.begins_to_infer:
            if not self.owner:
                self.add_error("consent_option", "Only an owner of the shop can decide that consent is inferred.")
            elif not cleaned.get("lawful"):
                self.add_error("lawful", "Confirm it, or stay with explicit consent.")
        covers = cleaned.get("phone_consent_covers_whatsapp")
        if covers and not self.current.phone_consent_covers_whatsapp and not self.names_whatsapp:
            self.add_error(
                "phone_consent_covers_whatsapp",
                "Store the wording of your checkout that names WhatsApp first: people can only agree to what they read.",
            )
        if cleaned.get("double_from") == "some" and not cleaned.get("double_opt_in_sources"):
            self.add_error("double_opt_in_sources", "Choose at least one, or ask wherever the opt-in came from.")
        return cleaned

    def values(self) -> dict[str, Any]:
        """The settings as they are stored. Keys of channels and sources that this form does not know stay."""
        cleaned = self.cleaned_data
        same = (
            "primary_channel", "consent_option", "phone_consent_covers_whatsapp", "resubscribe_needs_confirmation",
            "utility_without_marketing_opt_in", "controller_name", "controller_contact", "privacy_policy_url", "terms_url",
            "brand_colour",
        )  # fmt: skip
        confirmation = {channel: cleaned[f"opt_in_confirmation_{channel}"] for channel in words.CHANNELS}
        unknown = [one for one in self.current.double_opt_in_sources if one not in DOUBLE_SOURCES]
        return {name: cleaned[name] for name in same} | {
            "opt_in_confirmation": {
                channel: kind
                for channel, kind in confirmation.items()
                if kind != "NONE" or channel in self.current.opt_in_confirmation
            },
            "double_opt_in_sources": (
                [*cleaned["double_opt_in_sources"], *unknown] if cleaned["double_from"] == "some" else []
            ),
        }


def _initial(current: Settings) -> dict[str, Any]:
    values = msgspec.to_builtins(current)
    for channel in words.CHANNELS:
        values[f"opt_in_confirmation_{channel}"] = current.confirmation(channel)
    values["double_from"] = "some" if current.double_opt_in_sources else "all"
    return values
