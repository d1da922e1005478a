"""The form that connects a store."""

from __future__ import annotations

import re

from django import forms

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
