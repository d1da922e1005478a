"""Forms of the settings that belong to the shop itself."""

from __future__ import annotations

from django import forms

from .roles import Role


class TokenForm(forms.Form):
    name = forms.CharField(
        max_length=100, help_text="What will use it, so that you know later which one to revoke.", label="Name"
    )
    role = forms.ChoiceField(
        choices=[(Role.VIEWER.value, "Read only"), (Role.ADMIN.value, "Read and change")],
        label="May",
        initial=Role.VIEWER.value,
    )


class RoleForm(forms.Form):
    role = forms.ChoiceField(choices=Role.choices)
