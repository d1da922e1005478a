"""The form that connects a store, and the choices that are made with it."""

from __future__ import annotations

import re
from typing import Any

from django import forms

from sayso.consent.inferred import LAWFUL
from sayso.consent.settings import Settings

DOMAIN = re.compile(r"[a-z0-9][a-z0-9-]*\.myshopify\.com")


CREDENTIALS, PERMISSION = "client_credentials", "authorization_code"


class ConnectForm(forms.Form):
    grant = forms.ChoiceField(
        label="Access",
        required=False,
        initial=CREDENTIALS,
        widget=forms.RadioSelect,
        choices=[
            (CREDENTIALS, "This app is installed in the store already (client credentials)"),
            (PERMISSION, "Ask the store's owner to approve the app (authorization code)"),
        ],
    )
    domain = forms.CharField(
        max_length=255, label="Store", help_text="Its permanent address, like example.myshopify.com."
    )
    client_id = forms.CharField(max_length=255, label="Client id")
    client_secret = forms.CharField(max_length=255, label="Client secret", widget=forms.PasswordInput)

    def clean_grant(self) -> str:
        """Who names none means the app that is installed already."""
        return self.cleaned_data["grant"] or CREDENTIALS

    def clean_domain(self) -> str:
        """The bare domain, whatever part of an address was pasted."""
        text = self.cleaned_data["domain"].strip().lower()
        domain = re.sub(r"^https?://", "", text).split("/")[0]
        if "." not in domain:
            domain += ".myshopify.com"
        if not DOMAIN.fullmatch(domain):
            raise forms.ValidationError(
                "This is not a myshopify.com address. Find it in Shopify under Settings, Domains."
            )
        return domain


class ChoicesForm(forms.Form):
    """What is chosen when a store is connected (features §8.1): whether its customers become contacts, and what consent to
    SMS is. ``current`` holds what the shop chose before; ``owner``: whether inferring may be begun."""

    sync_contacts = forms.BooleanField(required=False, initial=True, label="Sync my contacts from Shopify")
    consent_option = forms.ChoiceField(
        label="Consent to SMS",
        required=False,
        initial="EXPLICIT",
        widget=forms.RadioSelect,
        choices=[("EXPLICIT", "Explicit"), ("INFERRED", "Inferred")],
    )
    lawful = forms.BooleanField(required=False, label=LAWFUL)

    def __init__(self, *args: Any, current: Settings | None = None, owner: bool = True, **kwargs: Any) -> None:
        self.current, self.owner = current or Settings(), owner
        names = ("sync_contacts", "consent_option", "write_back_consent")
        super().__init__(*args, **({"initial": {name: getattr(self.current, name) for name in names}} | kwargs))

    def clean(self) -> dict[str, Any]:
        cleaned = super().clean() or {}
        cleaned["consent_option"] = cleaned.get("consent_option") or self.current.consent_option
        if cleaned["consent_option"] == "INFERRED" != self.current.consent_option:
            if not self.owner:
                self.add_error("consent_option", "Only an owner of the shop can decide that consent is inferred.")
            elif not cleaned.get("lawful"):
                self.add_error("lawful", "Confirm it, or stay with explicit consent.")
        return cleaned

    def values(self) -> dict[str, Any]:
        """What :func:`.options.choose` takes."""
        return {name: value for name, value in self.cleaned_data.items() if name != "lawful"}


class SyncChoicesForm(ChoicesForm):
    """The same on the page of the connection, and whether consent is told to the store."""

    write_back_consent = forms.BooleanField(required=False, label="Write consent back to Shopify")
