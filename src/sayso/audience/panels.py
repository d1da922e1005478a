"""What groups show on a contact's profile."""

from __future__ import annotations

from sayso.contacts.models import Contact
from sayso.shops.pages import Panel

from . import queries


def profile(contact: Contact) -> Panel:
    """The groups the contact is in."""
    return Panel("audience/panel.html", {"groups": queries.of_contact(contact), "contact": contact})
