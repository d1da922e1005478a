"""What people choose before something of the ledger is exported."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from django import forms
from django.utils import timezone

from .events import Channel, State
from .exports import KINDS
from .ledger.search import Filter

CHANNELS = [(Channel.WHATSAPP.value, "WhatsApp"), (Channel.SMS.value, "SMS"), (Channel.EMAIL.value, "E-mail")]
LISTED = [(key, kind.name) for key, kind in KINDS.items() if key != "messageable_csv"]
PICKER = forms.DateInput(attrs={"type": "date"})


class ExportForm(forms.Form):
    """A proof pack, or the ledger with filters."""

    kind = forms.ChoiceField(label="What", choices=LISTED)
    channel = forms.ChoiceField(choices=[("", "Every channel"), *CHANNELS], required=False)
    state = forms.ChoiceField(
        label="Led to",
        required=False,
        choices=[("", "Every state"), *((one.value, one.value.replace("_", " ").capitalize()) for one in State)],
    )
    source = forms.CharField(
        max_length=32, required=False, widget=forms.TextInput(attrs={"placeholder": "shopify, stop_reply …"})
    )
    since = forms.DateField(label="Recorded from", required=False, widget=PICKER)
    until = forms.DateField(label="to the end of", required=False, widget=PICKER)

    def clean(self) -> dict[str, Any]:
        said = super().clean() or {}
        if said.get("since") and said.get("until") and said["since"] > said["until"]:
            self.add_error("until", "This is before the day it begins.")
        return said

    def parameters(self) -> dict[str, Any]:
        """For :func:`sayso.consent.exports.request`; a pack is always whole."""
        said = self.cleaned_data
        if said["kind"] == "proof_pack":
            return {}
        since, until = (
            timezone.make_aware(datetime.combine(day, moment)) if day else None
            for day, moment in ((said["since"], datetime.min.time()), (said["until"], datetime.max.time()))
        )
        return Filter(
            channel=said["channel"], state=said["state"], source=said["source"].strip(), since=since, until=until
        ).told()


class ThenForm(forms.Form):
    """A channel and a past moment."""

    channel = forms.ChoiceField(choices=CHANNELS)
    at = forms.DateTimeField(
        label="Moment",
        input_formats=["%Y-%m-%dT%H:%M", "%Y-%m-%dT%H:%M:%S"],
        widget=forms.DateTimeInput(attrs={"type": "datetime-local"}, format="%Y-%m-%dT%H:%M"),
    )

    def clean_at(self) -> datetime:
        """To the end of the minute that was named."""
        at: datetime = self.cleaned_data["at"]
        if at > timezone.now():
            raise forms.ValidationError("That moment has not come yet.")
        return at if at.second else at.replace(second=59, microsecond=999_999)
