"""The composer's form."""

from __future__ import annotations

from typing import Any

from django import forms

from sayso.consent.models import Topic
from sayso.messaging.models import Sender, Template

from . import compose


class CampaignForm(forms.Form):
    """Name, template, sender and audience; the template's variables are read beside it (:mod:`.compose`)."""

    name = forms.CharField(max_length=200, label="Name", help_text="Only your team sees it.")
    template = forms.IntegerField(error_messages={"required": "Choose a template."})
    sender = forms.IntegerField(error_messages={"required": "Connect a WhatsApp number first, under Settings."})
    audience = forms.ChoiceField(choices=[("all", "All contacts"), ("tag", "Contacts with a tag")], initial="all")
    tag = forms.CharField(max_length=255, required=False)

    def __init__(
        self, *args: Any, templates: list[Template], senders: list[Sender], topics: list[Topic], **kwargs: Any
    ) -> None:
        super().__init__(*args, **kwargs)
        self.fields["topic"] = forms.ChoiceField(
            required=False, choices=[("", "No topic"), *((one.key, one.title) for one in topics)]
        )
        self.templates = {template.pk: template for template in templates}
        self.senders = {sender.pk: sender for sender in senders}

    def clean_template(self) -> Template:
        template = self.templates.get(self.cleaned_data["template"])
        if template is None:
            raise forms.ValidationError("This template is not approved any more. Choose another.")
        return template

    def clean_sender(self) -> Sender:
        sender = self.senders.get(self.cleaned_data["sender"])
        if sender is None:
            raise forms.ValidationError("This number is not connected any more. Choose another.")
        return sender

    def clean(self) -> dict[str, Any]:
        cleaned = super().clean() or {}
        if cleaned.get("audience") == "tag" and not cleaned.get("tag", "").strip():
            self.add_error("tag", "Name the tag.")
        template = cleaned.get("template")
        if template:
            self.variables = compose.variables(template, self.data)
            for one in self.variables:
                if one.source == compose.STATIC and not one.fallback:
                    self.add_error(None, f"Write the fixed text for {one.initial_value}.")
        return cleaned

    @property
    def chosen_audience(self) -> dict[str, Any]:
        """As it is stored on the campaign."""
        if self.cleaned_data["audience"] == "tag":
            return {"tag": self.cleaned_data["tag"].strip()}
        return {"all": True}
