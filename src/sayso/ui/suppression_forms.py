"""Forms of Audience → Consent → Suppressed addresses."""

from __future__ import annotations

from typing import Any

from django import forms
from django.core.files.uploadedfile import UploadedFile

LARGEST = 5 * 2**20
"""Bytes of a list: some 350,000 numbers. It goes to the preview and back within one request of 10 MB at most."""

KINDS = {
    "OPT_OUT": (
        "They opted out",
        "From an earlier provider or another list. Counts as their own opt-out, now; only they can opt in again.",
    ),
    "LOCAL": (
        "The shop blocks them",
        "Nothing is sent there until somebody ends the block here. Says nothing of consent.",
    ),
}


class ListForm(forms.Form):
    """A list of numbers and e-mail addresses, as a file or typed."""

    file = forms.FileField(
        required=False, label="File", help_text="Text or CSV, one address a line, in the first column. Up to 5 MB."
    )
    text = forms.CharField(
        required=False,
        label="or type them",
        strip=False,
        widget=forms.Textarea(
            attrs={"rows": 4, "spellcheck": "false", "placeholder": "+49 151 23456789\nada@example.com"}
        ),
    )
    kind = forms.ChoiceField(choices=[(kind, title) for kind, (title, _) in KINDS.items()], initial="OPT_OUT")
    reason = forms.CharField(
        max_length=200, label="Where the list comes from", help_text="Kept with every address, for whoever asks why."
    )

    def clean_file(self) -> UploadedFile | None:
        file: UploadedFile | None = self.cleaned_data["file"]
        if file and (file.size or 0) > LARGEST:
            raise forms.ValidationError("The file is larger than 5 MB. Split it, and load one part after another.")
        return file

    def clean(self) -> dict[str, Any]:
        cleaned = super().clean() or {}
        if "file" not in self.errors and "text" not in self.errors:
            file = cleaned.get("file")
            if file:
                cleaned["text"] = _decoded(file.read())
                if cleaned["text"] is None:
                    self.add_error("file", "This is not a text file. Save the list as CSV or text (UTF-8).")
            if not file and not cleaned.get("text", "").strip():
                self.add_error("file", "Choose a file, or type at least one address.")
        return cleaned


def _decoded(data: bytes) -> str | None:
    """Text in UTF-8, UTF-16 with its mark, or what Windows writes; None for anything that is no text."""
    encodings = ["utf-16"] if data[:2] in (b"\xff\xfe", b"\xfe\xff") else ["utf-8-sig", "cp1252"]
    for encoding in encodings:
        try:
            text = data.decode(encoding)
        except UnicodeDecodeError:
            continue
        return None if "\x00" in text else text
    return None


class AddressForm(forms.Form):
    """One phone number or e-mail address."""

    address = forms.CharField(max_length=320, label="Phone number or e-mail address")


class BlockForm(AddressForm):
    """One address, and why."""

    reason = forms.CharField(
        max_length=200, label="Reason", error_messages={"required": "Say why; it is kept with the address."}
    )
