"""Forms of Settings → Privacy."""

from __future__ import annotations

from typing import Any

from django import forms

from sayso.contacts.phones import normalise

from .people import Named
from .retention import KINDS


class AskForm(forms.Form):
    """Somebody who wrote in and is perhaps not known here."""

    email = forms.EmailField(label="E-mail", required=False, max_length=320)
    phone = forms.CharField(
        label="Phone", required=False, max_length=64, help_text="With the calling code: +44 7911 123456."
    )

    def __init__(self, *args: Any, country: str, **options: Any) -> None:
        super().__init__(*args, **options)
        self._country = country

    def clean_phone(self) -> str:
        phone: str = self.cleaned_data["phone"]
        if phone and normalise(phone, self._country).e164 is None:
            raise forms.ValidationError("This is no phone number. Write it with its calling code, as +44 7911 123456.")
        return phone

    def clean(self) -> dict[str, Any]:
        cleaned = super().clean() or {}
        if not self.errors and not cleaned.get("email") and not cleaned.get("phone"):
            raise forms.ValidationError("Give an e-mail or a phone number, or both.")
        return cleaned

    @property
    def named(self) -> Named:
        return Named(email=self.cleaned_data["email"], phone=self.cleaned_data["phone"])


class TypedForm(forms.Form):
    """What cannot be undone is typed, not clicked."""

    typed = forms.CharField(max_length=320, required=False, widget=forms.TextInput(attrs={"autocomplete": "off"}))

    def __init__(self, *args: Any, wanted: str, **options: Any) -> None:
        super().__init__(*args, **options)
        self.wanted = wanted
        self.fields["typed"].label = f"Type {wanted} to confirm"

    def clean_typed(self) -> str:
        typed: str = self.cleaned_data["typed"]
        if typed.strip().lower() != self.wanted.lower():
            raise forms.ValidationError(f"Nothing was done: type {self.wanted} exactly, then it is.")
        return typed


class RetentionForm(forms.Form):
    """A period for each kind of data; empty: the default."""

    def __init__(self, *args: Any, **options: Any) -> None:
        super().__init__(*args, **options)
        for name, kind in KINDS.items():
            default = "without limit" if kind.default is None else f"{kind.default} days"
            self.fields[name] = forms.IntegerField(
                label=f"{kind.title}, days",
                required=False,
                min_value=kind.least,
                max_value=kind.most,
                widget=forms.NumberInput(attrs={"class": "short"}),
                help_text=f"{kind.what} Empty: {default}. From {kind.least} to {kind.most:,}.",
            )

    @property
    def days(self) -> dict[str, int]:
        return {name: days for name, days in self.cleaned_data.items() if days is not None}
